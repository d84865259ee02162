/**
 * The client end of version 3: one extractor, many requests.
 *
 * Source: JWebmail's README_IPC.md.
 *
 * @module
 */

import { OutputQueue, plainBytes, quote } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import type { Protocol } from "../protocol.ts";
import { describeExit } from "./exit_codes.ts";
import { ExtractorEndError, tellExit } from "./exit_errors.ts";
import type { ExitStatus } from "../exit_status.ts";
import { encodeFrames, FrameReader } from "./framing.ts";
import {
  checkLimits,
  checkMessageSize,
  defaultMaxMessageSize,
  defaultMaxMethodSize,
  encodeMethod,
  overLimit,
} from "./limits.ts";
import { PeerInput } from "./peer_input.ts";

/** Limits of an {@linkcode ExtractorClientProtocol}. */
export interface ExtractorClientLimits {
  /** A method's name, in bytes; 64 if left out. */
  maxMethodSize: number;
  /** A request's or an answer's message, in bytes; 64 MiB if left out. */
  maxMessageSize: number;
  /** How many requests may have no answer yet; 1024 if left out. */
  maxInFlight: number;
}

/** Options for an {@linkcode ExtractorClientProtocol}. */
export interface ExtractorClientProtocolOptions {
  /**
   * Whether the peer is a process whose exit status {@linkcode ExtractorClientProtocol.exited} will give:
   * the "end" event, and an error about the output's end, wait for it. `false` if left out.
   */
  awaitsExit?: boolean;
  /** Limits that differ from the defaults. */
  limits?: Partial<ExtractorClientLimits>;
}

/** Events emitted by an {@linkcode ExtractorClientProtocol}. */
export type ExtractorClientEvent =
  /** The answer to a request. */
  | { readonly type: "response"; readonly id: number; readonly message: Uint8Array }
  /** Write the output, then tell the peer that no more comes. */
  | { readonly type: "close-write" }
  /**
   * The conversation is over: `unanswered` has the requests that got no answer, oldest first, and `exit`
   * is how the process ended, if that is known. It went well only if nothing is unanswered and the exit
   * code is 0 or unknown; `endError()` creates the error otherwise.
   */
  | {
    readonly type: "end";
    readonly unanswered: readonly number[];
    readonly exit: ExitStatus | undefined;
  };

const defaultLimits: ExtractorClientLimits = {
  maxMethodSize: defaultMaxMethodSize,
  maxMessageSize: defaultMaxMessageSize,
  maxInFlight: 1024,
};

const nothing = new Uint8Array(0);

/**
 * The client end of one version 3 session, as a value that never touches a process.
 *
 * Requests are written one after the other and answered in that order. Bytes that belong to no request
 * throw an {@linkcode ExtractorEndError} at once; after {@linkcode close} they do so when the output has
 * ended, since the exit code says more then.
 *
 * `nextEvent()` throws a `RemoteProtocolError` where an answer is over the limit, and an
 * {@linkcode ExtractorEndError} where one is cut short or bytes belong to no request.
 *
 * @example A session with an extractor that is only bytes
 * ```ts
 * import { ExtractorClientProtocol } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * const protocol = new ExtractorClientProtocol();
 * const id = protocol.send("auth", new Uint8Array(0));
 * assert.deepEqual(
 *   protocol.takeOutput(),
 *   Uint8Array.of(0, 0, 0, 4, 0x61, 0x75, 0x74, 0x68, 0, 0, 0, 0),
 * );
 *
 * protocol.receive(Uint8Array.of(0, 0, 0, 0));
 * assert.deepEqual(protocol.nextEvent(), { type: "response", id, message: new Uint8Array(0) });
 *
 * protocol.close();
 * assert.deepEqual(protocol.nextEvent(), { type: "close-write" });
 * protocol.receiveEnd();
 * assert.deepEqual(protocol.nextEvent(), { type: "end", unanswered: [], exit: undefined });
 * ```
 */
export class ExtractorClientProtocol implements Protocol<ExtractorClientEvent> {
  /**
   * "open": requests can be sent; "closing": no more requests, the "close-write" event is due; "closed":
   * that event was emitted; "stray": after it, bytes came that belong to no request; "ending": the output
   * has ended, the exit status is not known; "over": the "end" event was emitted; "failed".
   */
  #state: "open" | "closing" | "closed" | "stray" | "ending" | "over" | "failed" = "open";
  #input = new PeerInput();
  #output = new OutputQueue();
  #limits: ExtractorClientLimits;
  #awaitsExit: boolean;
  #frames = new FrameReader();
  #exit: ExitStatus | undefined;
  #stray: Uint8Array | undefined;

  /** Where each request without an answer begins in the output, by its id. */
  #requests = new Map<number, number>();
  #lastId = 0;
  /** The oldest request that has no answer. */
  #head = 1;

  /** Creates one; throws a {@linkcode LocalProtocolError} for invalid limits. */
  constructor(options: ExtractorClientProtocolOptions = {}) {
    this.#limits = { ...defaultLimits, ...options.limits };
    checkLimits(this.#limits);
    this.#awaitsExit = options.awaitsExit ?? false;
  }

  /** The requests that have no answer yet, oldest first. */
  get unanswered(): readonly number[] {
    return [...this.#requests.keys()];
  }

  /** Whether a request can be sent: neither close() nor the end of the output has ended it. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /**
   * Whether a request without an answer had begun to leave with `takeOutput()`, so that it may
   * have run.
   */
  isSent(id: number): boolean {
    const at = this.#requests.get(id);
    return at !== undefined && at < this.#output.taken;
  }

  /**
   * Sends a request and returns its id: 1, 2, 3 … in wire order. The protocol owns the message from here
   * on.
   *
   * Throws a {@linkcode LocalProtocolError} for an invalid name, for a message over the limit, if too many
   * requests have no answer yet, and if the conversation is over.
   */
  send(method: string, message: Uint8Array): number {
    const name = encodeMethod(method, this.#limits.maxMethodSize);
    const bytes = plainBytes(message);
    checkMessageSize(bytes.length, this.#limits.maxMessageSize, `The request "${method}"`);
    if (!this.isOpen) {
      throw new LocalProtocolError(
        `Cannot send "${method}": ` +
          (this.#state === "closing" || this.#state === "closed"
            ? "close() was called. Send requests before that."
            : "the conversation is over. Start another extractor."),
      );
    }
    if (this.#requests.size >= this.#limits.maxInFlight) {
      throw new LocalProtocolError(
        `Cannot send "${method}": ${this.#requests.size} requests have no answer yet, and ` +
          `${this.#limits.maxInFlight} are allowed ("limits.maxInFlight"). Wait for an answer.`,
      );
    }
    const id = ++this.#lastId;
    this.#requests.set(id, this.#output.pushed);
    for (const piece of encodeFrames(name, bytes)) this.#output.push(piece);
    return id;
  }

  /**
   * Ends the requests: a "close-write" event follows, and answers still come. Nothing happens where
   * the conversation is over.
   */
  close(): void {
    if (this.#state === "open") this.#state = "closing";
  }

  /**
   * Takes the exit status of the peer's process. Its output may still be on the way: the conversation is
   * over when both have ended. Throws a {@linkcode LocalProtocolError} if called again.
   */
  exited(status: ExitStatus): void {
    this.#exit = tellExit(this.#exit, status);
  }

  /**
   * Takes bytes that arrived from the peer; those that are not needed any more are dropped. The chunk
   * belongs to the protocol from here on. Throws a `LocalProtocolError` after {@linkcode receiveEnd}.
   */
  receive(chunk: Uint8Array): void {
    const bytes = this.#input.bytesOf(chunk);
    if (this.#state === "open" || this.#state === "closing" || this.#state === "closed") {
      this.#frames.push(bytes);
    }
  }

  /** To be called when the peer's output has ended. */
  receiveEnd(): void {
    this.#input.end();
  }

  /**
   * The next event in wire order, or `undefined` until there is more input, or the exit status of the
   * process.
   *
   * Throws a `RemoteProtocolError` if the peer broke the protocol or went over a limit, and rethrows the
   * same error afterwards.
   */
  nextEvent(): ExtractorClientEvent | undefined {
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

  #next(): ExtractorClientEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "closing":
          this.#state = "closed";
          return { type: "close-write" };
        case "open":
        case "closed": {
          const message = this.#takeAnswer();
          if (message !== undefined) {
            const id = this.#head++;
            this.#requests.delete(id);
            return { type: "response", id, message };
          }
          if (this.#state as string === "stray") continue;
          if (!this.#input.isEnded) return undefined;
          const wasOpen = this.#state === "open";
          this.#state = "ending";
          // A process that closed its output may still wait for the end of its input.
          if (wasOpen && this.#waitsForExit) return { type: "close-write" };
          continue;
        }
        case "stray":
          if (!this.#input.isEnded || this.#waitsForExit) return undefined;
          throw this.#trailingBytes();
        case "ending":
          if (this.#waitsForExit) return undefined;
          this.#checkWhole();
          this.#state = "over";
          this.#output.clear();
          return { type: "end", unanswered: this.unanswered, exit: this.#exit };
        case "over":
        case "failed":
          return undefined;
      }
    }
  }

  get #waitsForExit(): boolean {
    return this.#awaitsExit && this.#exit === undefined;
  }

  /** The next answer, if it is whole. */
  #takeAnswer(): Uint8Array | undefined {
    // What answers a request that hasn't begun to leave answers nothing.
    if (!this.isSent(this.#head)) {
      this.#refuseBytes();
      return undefined;
    }
    const most = this.#limits.maxMessageSize;
    return this.#frames.take(
      most,
      (size) =>
        overLimit(`The extractor's answer to request ${this.#head} has`, "maxMessageSize", {
          size,
          most,
          unanswered: this.unanswered,
        }),
    );
  }

  /** Refuses bytes that belong to no request. */
  #refuseBytes(): void {
    const stray = this.#frames.peek();
    if (stray === undefined) return;
    this.#stray = stray.slice(0, 64);
    this.#frames.clear();
    if (this.#state === "open") throw this.#trailingBytes();
    this.#state = "stray";
  }

  #trailingBytes(): ExtractorEndError {
    const end = this.#exit === undefined ? "" : `, and ${describeExit(this.#exit)}`;
    return new ExtractorEndError(
      "trailing-bytes",
      `The extractor sent ${quote(this.#stray ?? nothing)} while no request was without an ` +
        `answer${end}. Look for what writes to its stdout.`,
      { exit: this.#exit, unanswered: this.unanswered },
    );
  }

  /** Refuses an answer that the end cut short. */
  #checkWhole(): void {
    const frame = this.#frames.partial;
    if (frame === undefined) return;
    const { arrived, length } = frame;
    throw new ExtractorEndError(
      "cut-short",
      `The extractor's answer to request ${this.#head} was cut short ` +
        (length === undefined ? "in its length" : `after ${arrived} of its ${length} bytes`) +
        `: the extractor ${describeExit(this.#exit)}.`,
      { exit: this.#exit, unanswered: this.unanswered },
    );
  }

  /** Drops everything: the peer broke the protocol. */
  #fail(): void {
    this.#state = "failed";
    this.#output.clear();
    this.#frames.clear();
  }
}
