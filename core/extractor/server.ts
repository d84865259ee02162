/**
 * The server end of version 3: what an extractor speaks.
 *
 * Source: JWebmail's README_IPC.md.
 *
 * @module
 */

import { plainBytes } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { checkExitCode, extractorExitCodes } from "./exit_codes.ts";
import { encodeFrames, FrameReader } from "./framing.ts";
import {
  checkLimits,
  checkMessageSize,
  decodeMethod,
  defaultMaxMessageSize,
  defaultMaxMethodSize,
  overLimit,
} from "./limits.ts";
import { ExtractorProtocol } from "./protocol.ts";

/** How much a client can make an {@linkcode ExtractorServerProtocol} hold, in bytes. */
export interface ExtractorServerLimits {
  /** A method's name; 64 if left out. */
  maxMethodSize: number;
  /** A request's or an answer's message; 64 MiB if left out. */
  maxMessageSize: number;
  /**
   * What a client may send ahead while a request waits for its answer; 16 MiB if left out. Who looks at
   * {@linkcode ExtractorServerProtocol.backlog} before reading never gets there.
   */
  maxBacklog: number;
}

/** What an {@linkcode ExtractorServerProtocol} can be told. */
export interface ExtractorServerProtocolOptions {
  /** Limits that differ from the defaults. */
  limits?: Partial<ExtractorServerLimits>;
}

/** What an {@linkcode ExtractorServerProtocol} has to tell. */
export type ExtractorServerEvent =
  /** A request to be answered; the next comes when it is. */
  | {
    readonly type: "request";
    readonly id: number;
    readonly method: string;
    readonly message: Uint8Array;
  }
  /**
   * The conversation is over: write the output, and end the process with `exitCode`. `unanswered` has
   * the request that got no answer, if there is one.
   */
  | { readonly type: "end"; readonly exitCode: number; readonly unanswered: readonly number[] };

const defaultLimits: ExtractorServerLimits = {
  maxMethodSize: defaultMaxMethodSize,
  maxMessageSize: defaultMaxMessageSize,
  maxBacklog: 16 * 1024 * 1024,
};

/**
 * The server end of one version 3 session, as a value that never touches a process.
 *
 * Requests are handed out one at a time and in order: the next one comes when the one before it has its
 * answer. What a client sends ahead waits, and {@linkcode backlog} says how much that is: who reads no
 * more than a little ahead holds back a client that sends without end.
 *
 * `nextEvent()` throws a {@linkcode RemoteProtocolError} where the client broke the protocol: write what
 * `takeOutput()` still gives, and end with {@linkcode exitCode}.
 *
 * @example A session with a client that is only bytes
 * ```ts
 * import { ExtractorServerProtocol } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * const protocol = new ExtractorServerProtocol();
 * protocol.receive(Uint8Array.of(0, 0, 0, 4, 0x61, 0x75, 0x74, 0x68, 0, 0, 0, 0));
 * const event = protocol.nextEvent();
 * assert(event?.type === "request" && event.method === "auth");
 *
 * protocol.respond(event.id, new Uint8Array(0));
 * assert.deepEqual(protocol.takeOutput(), Uint8Array.of(0, 0, 0, 0));
 *
 * protocol.receiveEnd();
 * assert.deepEqual(protocol.nextEvent(), { type: "end", exitCode: 0, unanswered: [] });
 * ```
 */
export class ExtractorServerProtocol extends ExtractorProtocol<ExtractorServerEvent> {
  /**
   * "method" and "message": that part of a request is to come; "running": a request waits for its
   * answer; "last-words": no more is read, and the end is still to be told.
   */
  #state: "method" | "message" | "running" | "last-words" | "over" | "failed" = "method";
  #limits: ExtractorServerLimits;
  #frames = new FrameReader();
  #lastId = 0;
  #isAnswered = true;
  #method = "";
  #exitCode: number | undefined;

  /** Makes one; throws a {@linkcode LocalProtocolError} for limits that can't be. */
  constructor(options: ExtractorServerProtocolOptions = {}) {
    super();
    this.#limits = { ...defaultLimits, ...options.limits };
    checkLimits(this.#limits);
  }

  /** How many bytes the client has sent ahead, that wait for their turn. */
  get backlog(): number {
    return this.#frames.size;
  }

  /** How many bytes wait to be taken with `takeOutput()`. */
  get pendingOutput(): number {
    return this.output.pushed - this.output.taken;
  }

  /**
   * What the process is to end with, once that is clear: behind {@linkcode exit}, behind the end of the
   * requests, and 4 where the client broke the protocol.
   */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /**
   * Answers the running request. The message belongs to the protocol from here on; behind
   * {@linkcode exit} it goes nowhere.
   *
   * Throws a {@linkcode LocalProtocolError} for a request that isn't the running one, and for a message
   * over the limit.
   */
  respond(id: number, message: Uint8Array): void {
    const bytes = plainBytes(message);
    if (id !== this.#lastId || this.#isAnswered) {
      throw new LocalProtocolError(
        id === this.#lastId && id > 0
          ? `Request ${id}, "${this.#method}", was answered already.`
          : `Request ${id} doesn't run. Answer requests in their order, by the id of their event.`,
      );
    }
    const most = this.#limits.maxMessageSize;
    checkMessageSize(bytes.length, most, `The answer to request ${id}, "${this.#method}",`);
    if (this.#state !== "running") return;
    for (const piece of encodeFrames(bytes)) this.output.push(piece);
    this.#isAnswered = true;
    this.#state = "method";
  }

  /**
   * Ends the conversation early: no more is read, what was answered is left to be taken, and the
   * process is to end with this code. Nothing happens where it is over already.
   *
   * Throws a {@linkcode LocalProtocolError} for what is no exit code.
   */
  exit(code: number): void {
    checkExitCode(code);
    if (this.#isOver) return;
    this.#exitCode = code;
    this.#state = "last-words";
    this.#frames.clear();
  }

  /** Keeps what is still wanted of the bytes that arrived. */
  protected override take(bytes: Uint8Array): void {
    if (!this.#isOver && this.#state !== "last-words") this.#frames.push(bytes);
  }

  get #isOver(): boolean {
    return this.#state === "over" || this.#state === "failed";
  }

  get #unanswered(): readonly number[] {
    return this.#isAnswered ? [] : [this.#lastId];
  }

  /** The next event, if there is one. */
  protected override next(): ExtractorServerEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "method": {
          const name = this.#take("maxMethodSize", "a method's name of");
          if (name === undefined) {
            if (!this.inputEnded) return undefined;
            this.#checkWhole();
            this.exit(extractorExitCodes.ok);
            continue;
          }
          this.#method = decodeMethod(name);
          this.#state = "message";
          continue;
        }
        case "message": {
          const message = this.#take("maxMessageSize", `a request "${this.#method}" of`);
          if (message === undefined) {
            if (this.inputEnded) this.#checkWhole();
            return undefined;
          }
          this.#state = "running";
          this.#isAnswered = false;
          return { type: "request", id: ++this.#lastId, method: this.#method, message };
        }
        case "running":
          return this.#waiting();
        case "last-words":
          this.#state = "over";
          return {
            type: "end",
            exitCode: this.#exitCode ?? extractorExitCodes.ok,
            unanswered: this.#unanswered,
          };
        case "over":
        case "failed":
          return undefined;
      }
    }
  }

  #take(limit: "maxMethodSize" | "maxMessageSize", what: string): Uint8Array | undefined {
    const most = this.#limits[limit];
    return this.#frames.take(
      most,
      (size) => overLimit(`The client sent ${what}`, limit, { size, most }),
    );
  }

  /** Refuses a request that the end cut short. */
  #checkWhole(): void {
    const part = this.#state === "method" ? "a method's name" : `a request "${this.#method}"`;
    const frame = this.#frames.partial;
    if (frame === undefined && this.#state === "method") return;
    const { arrived = 0, length } = frame ?? {};
    throw new RemoteProtocolError(
      `The client's requests ended within ${part}, ` +
        (length === undefined ? "in its length." : `behind ${arrived} of its ${length} bytes.`),
    );
  }

  /** Nothing, as long as the client doesn't send more ahead than it may. */
  #waiting(): undefined {
    const size = this.#frames.size;
    const most = this.#limits.maxBacklog;
    if (size <= most) return undefined;
    throw overLimit("The client sent ahead, while it waited for an answer,", "maxBacklog", {
      size,
      most,
      unanswered: this.#unanswered,
    });
  }

  /** Forgets what is left, where the peer is at fault. */
  protected override fail(): void {
    this.#exitCode = extractorExitCodes.invalid;
    this.#state = "failed";
    this.#frames.clear();
  }
}
