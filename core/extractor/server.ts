/**
 * The server end of version 3: what an extractor speaks.
 *
 * Source: JWebmail's README_IPC.md.
 *
 * @module
 */

import { OutputQueue, plainBytes } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import type { Protocol } from "../protocol.ts";
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
import { PeerInput } from "./peer_input.ts";

/** Limits on what an {@linkcode ExtractorServerProtocol} holds for a client, in bytes. */
export interface ExtractorServerLimits {
  /** A method's name; 64 if left out. */
  maxMethodSize: number;
  /** A request's or an answer's message; 64 MiB if left out. */
  maxMessageSize: number;
  /**
   * What a client may send while an earlier request waits for its answer; 16 MiB if left out. A caller
   * that looks at {@linkcode ExtractorServerProtocol.backlog} before it reads never reaches this.
   */
  maxBacklog: number;
}

/** Options for an {@linkcode ExtractorServerProtocol}. */
export interface ExtractorServerProtocolOptions {
  /** Limits that differ from the defaults. */
  limits?: Partial<ExtractorServerLimits>;
}

/** Events emitted by an {@linkcode ExtractorServerProtocol}. */
export type ExtractorServerEvent =
  /** A request to answer; the next one is emitted after its answer. */
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
 * Requests are emitted one at a time and in order: the next one after the answer to the one before. What
 * a client sends meanwhile waits, and {@linkcode backlog} is its size: a caller that reads only while it
 * is small holds back a client that sends without end.
 *
 * `nextEvent()` throws a {@linkcode RemoteProtocolError} if the client broke the protocol: write what
 * `takeOutput()` still returns, and end with {@linkcode exitCode}.
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
export class ExtractorServerProtocol implements Protocol<ExtractorServerEvent> {
  /**
   * "method" and "message": that part of a request is read; "running": a request waits for its answer;
   * "ending": no more is read, the "end" event is due; "over": it was emitted; "failed".
   */
  #state: "method" | "message" | "running" | "ending" | "over" | "failed" = "method";
  #input = new PeerInput();
  #output = new OutputQueue();
  #limits: ExtractorServerLimits;
  #frames = new FrameReader();
  #lastId = 0;
  #isAnswered = true;
  #method = "";
  #exitCode: number | undefined;

  /** Creates one; throws a {@linkcode LocalProtocolError} for invalid limits. */
  constructor(options: ExtractorServerProtocolOptions = {}) {
    this.#limits = { ...defaultLimits, ...options.limits };
    checkLimits(this.#limits);
  }

  /** How many bytes the client has sent that wait for their turn. */
  get backlog(): number {
    return this.#frames.size;
  }

  /** How many bytes wait to be taken with `takeOutput()`. */
  get pendingOutput(): number {
    return this.#output.pushed - this.#output.taken;
  }

  /**
   * The exit code for the process, once it is known: after {@linkcode exit}, after the end of the requests,
   * and 4 if the client broke the protocol.
   */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /**
   * Answers the running request. The protocol owns the message from here on; after {@linkcode exit} it is
   * dropped.
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
    for (const piece of encodeFrames(bytes)) this.#output.push(piece);
    this.#isAnswered = true;
    this.#state = "method";
  }

  /**
   * Ends the conversation early: no more is read, answers can still be taken, and the process is to end
   * with this code. Does nothing if it is over already.
   *
   * Throws a {@linkcode LocalProtocolError} for an invalid exit code.
   */
  exit(code: number): void {
    checkExitCode(code);
    if (this.#isOver) return;
    this.#exitCode = code;
    this.#state = "ending";
    this.#frames.clear();
  }

  /**
   * Takes bytes that arrived from the peer; those that are not needed any more are dropped. The chunk
   * belongs to the protocol from here on. Throws a `LocalProtocolError` after {@linkcode receiveEnd}.
   */
  receive(chunk: Uint8Array): void {
    const bytes = this.#input.bytesOf(chunk);
    if (!this.#isOver && this.#state !== "ending") this.#frames.push(bytes);
  }

  get #isOver(): boolean {
    return this.#state === "over" || this.#state === "failed";
  }

  get #unanswered(): readonly number[] {
    return this.#isAnswered ? [] : [this.#lastId];
  }

  /** To be called when the peer's output has ended. */
  receiveEnd(): void {
    this.#input.end();
  }

  /**
   * The next event in wire order, or `undefined` until there is more input, or an answer to the running
   * request.
   *
   * Throws a `RemoteProtocolError` if the peer broke the protocol or went over a limit, and rethrows the
   * same error afterwards.
   */
  nextEvent(): ExtractorServerEvent | undefined {
    return this.#input.read(() => this.#next(), () => this.#fail());
  }

  /** Bytes to write, oldest first, or `undefined` when there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.take();
  }

  /** Never: time limits are the caller's. */
  get deadline(): undefined {
    return undefined;
  }

  /** Does nothing: there is no deadline. */
  handleTimeout(_now: number): void {}

  #next(): ExtractorServerEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "method": {
          const name = this.#take("maxMethodSize", "a method's name of");
          if (name === undefined) {
            if (!this.#input.isEnded) return undefined;
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
            if (this.#input.isEnded) this.#checkWhole();
            return undefined;
          }
          this.#state = "running";
          this.#isAnswered = false;
          return { type: "request", id: ++this.#lastId, method: this.#method, message };
        }
        case "running":
          return this.#waiting();
        case "ending":
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
        (length === undefined ? "in its length." : `after ${arrived} of its ${length} bytes.`),
    );
  }

  /** Returns nothing, and throws if the client has sent more than it may. */
  #waiting(): undefined {
    const size = this.#frames.size;
    const most = this.#limits.maxBacklog;
    if (size <= most) return undefined;
    throw overLimit("While it waited for an answer, the client sent", "maxBacklog", {
      size,
      most,
      unanswered: this.#unanswered,
    });
  }

  /** Drops everything: the peer broke the protocol. */
  #fail(): void {
    this.#exitCode = extractorExitCodes.invalid;
    this.#state = "failed";
    this.#frames.clear();
  }
}
