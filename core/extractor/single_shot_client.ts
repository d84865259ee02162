/**
 * The client end of versions 1 and 2: one extractor, one request.
 *
 * Source: JWebmail's README_IPC.md. The process's arguments contain the method.
 *
 * @module
 */

import { GatheredBytes, OutputQueue, plainBytes } from "../bytes.ts";
import { describeExit, extractorExitCodes } from "./exit_codes.ts";
import { ExtractorEndError, tellExit } from "./exit_errors.ts";
import type { ExitStatus } from "../exit_status.ts";
import type { Protocol } from "../protocol.ts";
import { checkLimits, checkMessageSize, defaultMaxMessageSize, overLimit } from "./limits.ts";
import { checkVersion, type SingleShotLimits, type SingleShotVersion } from "./single_shot.ts";
import { PeerInput } from "./peer_input.ts";

/** Options for a {@linkcode SingleShotClientProtocol}. */
export interface SingleShotClientProtocolOptions {
  /** 1: the answer is a line of JSON and binary data; 2: a message goes in, and one comes back. */
  version: SingleShotVersion;
  /** All that is written: version 2's message, what version 1's "add" adds; nothing if left out. */
  input?: Uint8Array;
  /**
   * Whether the peer is a process whose exit status {@linkcode SingleShotClientProtocol.exited} will give:
   * the answer waits for it, since it says whether the answer is whole. `false` if left out.
   */
  awaitsExit?: boolean;
  /** Limits that differ from the defaults. */
  limits?: Partial<SingleShotLimits>;
}

/** Events emitted by a {@linkcode SingleShotClientProtocol}. */
export type SingleShotClientEvent =
  /** Write the output, then tell the peer that no more comes. */
  | { readonly type: "close-write" }
  /** Version 2's answer. */
  | { readonly type: "response"; readonly id: number; readonly message: Uint8Array }
  /** Version 1's answer: the JSON before the first line feed, and the bytes after it. */
  | {
    readonly type: "response";
    readonly id: number;
    readonly header: Uint8Array;
    readonly binary: Uint8Array;
  }
  /**
   * The conversation is over: `unanswered` has the request if it got no answer, and `exit` is how the
   * process ended, if that is known; `endError()` creates the error.
   */
  | {
    readonly type: "end";
    readonly unanswered: readonly number[];
    readonly exit: ExitStatus | undefined;
  };

/** The exit codes of a process that wrote its answer to the end, be that a good one or a failure. */
const answeringCodes: readonly number[] = [
  extractorExitCodes.ok,
  extractorExitCodes.failure,
  extractorExitCodes.invalid,
  extractorExitCodes.unsupported,
];

const nothing = new Uint8Array(0);
const id = 1;

/**
 * The client end of versions 1 and 2, as a value that never touches a process.
 *
 * Nothing on the wire says how long an answer is: it is all of the output, and valid if the process ended
 * with 0, 3, 4 or 6, or its end isn't known. After any other end the output is an answer cut short.
 * Version 1's line needs its line feed only if the exit status isn't known: old extractors leave it out
 * if no binary data follows.
 *
 * `nextEvent()` throws a `RemoteProtocolError` if the answer is over the limit, and an
 * {@linkcode ExtractorEndError} if it is cut short.
 *
 * @example A request of version 1
 * ```ts
 * import { SingleShotClientProtocol } from "@dovewire/dovewire/core/extractor";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const protocol = new SingleShotClientProtocol({ version: 1, awaitsExit: true });
 * assert.deepEqual(protocol.nextEvent(), { type: "close-write" });
 *
 * protocol.receive(encodeUtf8('{"size":3}\nabc'));
 * protocol.receiveEnd();
 * protocol.exited({ code: 0, signal: undefined });
 * const event = protocol.nextEvent();
 * assert(event?.type === "response" && "header" in event);
 * assert.equal(decodeUtf8(event.header), '{"size":3}');
 * assert.equal(decodeUtf8(event.binary), "abc");
 * ```
 */
export class SingleShotClientProtocol implements Protocol<SingleShotClientEvent> {
  /**
   * "closing": the "close-write" event is due; "gathering": the answer is read; "answered": it was
   * emitted, the "end" event is due; "over": that was emitted, too; "failed".
   */
  #state: "closing" | "gathering" | "answered" | "over" | "failed" = "closing";
  #input = new PeerInput();
  #output = new OutputQueue();
  #version: SingleShotVersion;
  #most: number;
  #awaitsExit: boolean;
  #gathered = new GatheredBytes();
  #exit: ExitStatus | undefined;
  #isAnswered = false;

  /** Creates one; throws a `LocalProtocolError` for invalid options. */
  constructor(options: SingleShotClientProtocolOptions) {
    const { version, input = nothing, awaitsExit = false, limits } = options;
    checkVersion(version);
    const { maxMessageSize } = { maxMessageSize: defaultMaxMessageSize, ...limits };
    checkLimits({ maxMessageSize });
    const bytes = plainBytes(input);
    checkMessageSize(bytes.length, maxMessageSize, "The input");
    this.#version = version;
    this.#most = maxMessageSize;
    this.#awaitsExit = awaitsExit;
    this.#output.push(bytes);
  }

  /** The request, until it has an answer. */
  get unanswered(): readonly number[] {
    return this.#isAnswered ? [] : [id];
  }

  /**
   * Takes the exit status of the process. Its output may still be on the way: the conversation is over
   * when both have ended. Throws a `LocalProtocolError` if called again.
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
    if (this.#state !== "closing" && this.#state !== "gathering") return;
    // One byte over the limit is enough to know.
    const room = this.#most + 1 - this.#gathered.size;
    this.#gathered.push(bytes, 0, Math.min(bytes.length, room));
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
  nextEvent(): SingleShotClientEvent | undefined {
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

  #next(): SingleShotClientEvent | undefined {
    switch (this.#state) {
      case "closing":
        this.#state = "gathering";
        return { type: "close-write" };
      case "gathering": {
        this.#checkSize();
        if (!this.#input.isEnded || (this.#awaitsExit && this.#exit === undefined)) {
          return undefined;
        }
        if (!this.#hasAnswer()) return this.#end();
        const answer = this.#takeAnswer();
        this.#state = "answered";
        this.#isAnswered = true;
        return answer;
      }
      case "answered":
        return this.#end();
      case "over":
      case "failed":
        return undefined;
    }
  }

  #checkSize(): void {
    if (this.#gathered.size <= this.#most) return;
    throw overLimit("The extractor's answer has", "maxMessageSize", {
      size: undefined,
      most: this.#most,
      unanswered: this.unanswered,
    });
  }

  /** Whether there is an answer. */
  #hasAnswer(): boolean {
    if (this.#gathered.size > 0) return true;
    // An empty message is an answer, but never a failure.
    return this.#version === 2 && (this.#exit === undefined || this.#exit.code === 0);
  }

  #takeAnswer(): SingleShotClientEvent {
    const { size } = this.#gathered;
    const message = this.#gathered.take();
    if (this.#exit !== undefined && !answeringCodes.includes(this.#exit.code ?? -1)) {
      throw this.#cutShort(size);
    }
    if (this.#version === 2) return { type: "response", id, message };
    const end = message.indexOf(0x0a);
    if (end === -1 && this.#exit === undefined) throw this.#cutShort(size);
    return {
      type: "response",
      id,
      header: end === -1 ? message : message.subarray(0, end),
      binary: end === -1 ? new Uint8Array(0) : message.subarray(end + 1),
    };
  }

  #cutShort(size: number): ExtractorEndError {
    return new ExtractorEndError(
      "cut-short",
      `The extractor's answer was cut short after ${size} bytes: the extractor ` +
        `${describeExit(this.#exit)}.`,
      { exit: this.#exit, unanswered: this.unanswered },
    );
  }

  #end(): SingleShotClientEvent {
    this.#state = "over";
    this.#output.clear();
    return { type: "end", unanswered: this.unanswered, exit: this.#exit };
  }

  /** Drops everything: the peer broke the protocol. */
  #fail(): void {
    this.#state = "failed";
    this.#output.clear();
    this.#gathered.take();
  }
}
