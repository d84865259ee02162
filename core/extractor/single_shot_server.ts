/**
 * The server end of versions 1 and 2, in which an extractor is started for each request.
 *
 * Source: JWebmail's README_IPC.md.
 *
 * @module
 */

import { GatheredBytes, OutputQueue, plainBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import type { Protocol } from "../protocol.ts";
import { checkExitCode, extractorExitCodes } from "./exit_codes.ts";
import { checkLimits, checkMessageSize, defaultMaxMessageSize, overLimit } from "./limits.ts";
import { checkVersion, type SingleShotLimits, type SingleShotVersion } from "./single_shot.ts";
import { PeerInput } from "./peer_input.ts";

/** Options for a {@linkcode SingleShotServerProtocol}. */
export interface SingleShotServerProtocolOptions {
  /** 1: the answer is a line of JSON and binary data; 2: a message comes in, and one goes out. */
  version: SingleShotVersion;
  /**
   * Whether the request has input, and waits for its end; `true` if left out. In version 1 only "add" has
   * some, and a client may leave the input of other requests open.
   */
  takesInput?: boolean;
  /** Limits that differ from the defaults. */
  limits?: Partial<SingleShotLimits>;
}

/** Events emitted by a {@linkcode SingleShotServerProtocol}. */
export type SingleShotServerEvent =
  /** The request, with all of its input. */
  | { readonly type: "request"; readonly id: number; readonly message: Uint8Array }
  /**
   * The conversation is over: write the output, and end the process with `exitCode`. `unanswered` has
   * the request if it got no answer.
   */
  | { readonly type: "end"; readonly exitCode: number; readonly unanswered: readonly number[] };

const id = 1;
const lineFeed = Uint8Array.of(0x0a);

/**
 * The server end of versions 1 and 2, as a value that never touches a process.
 *
 * `nextEvent()` throws a `RemoteProtocolError` if the input is over the limit: end with
 * {@linkcode exitCode}.
 *
 * @example A request of version 1
 * ```ts
 * import { SingleShotServerProtocol } from "@dovewire/dovewire/core/extractor";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const protocol = new SingleShotServerProtocol({ version: 1 });
 * protocol.receiveEnd();
 * assert.equal(protocol.nextEvent()?.type, "request");
 *
 * protocol.respond(encodeUtf8('{"size":3}'), encodeUtf8("abc"));
 * assert.equal(decodeUtf8(protocol.takeOutput()!), '{"size":3}\nabc');
 * assert.deepEqual(protocol.nextEvent(), { type: "end", exitCode: 0, unanswered: [] });
 * ```
 */
export class SingleShotServerProtocol implements Protocol<SingleShotServerEvent> {
  /**
   * "input": it is read; "running": the request waits for its answer; "ending": the "end" event is due;
   * "over": it was emitted; "failed".
   */
  #state: "input" | "running" | "ending" | "over" | "failed" = "input";
  #input = new PeerInput();
  #output = new OutputQueue();
  #version: SingleShotVersion;
  #takesInput: boolean;
  #most: number;
  #gathered = new GatheredBytes();
  #isAnswered = true;
  #exitCode: number | undefined;

  /** Creates one; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor({ version, takesInput = true, limits }: SingleShotServerProtocolOptions) {
    checkVersion(version);
    const { maxMessageSize } = { maxMessageSize: defaultMaxMessageSize, ...limits };
    checkLimits({ maxMessageSize });
    this.#version = version;
    this.#takesInput = takesInput;
    this.#most = maxMessageSize;
  }

  /** How many bytes of the input wait for its end. */
  get backlog(): number {
    return this.#gathered.size;
  }

  /** How many bytes wait to be taken with `takeOutput()`. */
  get pendingOutput(): number {
    return this.#output.pushed - this.#output.taken;
  }

  /**
   * The exit code for the process, once it is known: after {@linkcode respond} and {@linkcode exit}, and 4
   * if the client broke the protocol.
   */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /**
   * Answers the request, with version 2's message, or with version 1's line of JSON, without its line feed,
   * and the bytes after it. The process is then to end with 0; call {@linkcode exit} right after this for
   * another code. The protocol owns the bytes from here on; after an exit() they are dropped.
   *
   * Throws a {@linkcode LocalProtocolError} if there is no request to answer, for an answer over the limit,
   * and for one that the version can't carry.
   */
  respond(message: Uint8Array, binary?: Uint8Array): void {
    const pieces = this.#answerPieces(message, binary);
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    checkMessageSize(size, this.#most, "The answer");
    if (this.#isAnswered) {
      throw new LocalProtocolError(
        this.#state === "input"
          ? 'There is no request yet. Answer after the "request" event.'
          : "The request was answered already.",
      );
    }
    if (this.#state !== "running") return;
    for (const piece of pieces) this.#output.push(piece);
    this.#isAnswered = true;
    this.exit(extractorExitCodes.ok);
  }

  /**
   * Ends the conversation, without an answer if there is none yet; the process is to end with this code.
   * Does nothing after the "end" event.
   *
   * Throws a {@linkcode LocalProtocolError} for an invalid exit code.
   */
  exit(code: number): void {
    checkExitCode(code);
    if (this.#state === "over" || this.#state === "failed") return;
    this.#exitCode = code;
    this.#state = "ending";
    this.#gathered.take();
  }

  /**
   * Takes bytes that arrived from the peer; those that are not needed any more are dropped. The chunk
   * belongs to the protocol from here on. Throws a `LocalProtocolError` after {@linkcode receiveEnd}.
   */
  receive(chunk: Uint8Array): void {
    const bytes = this.#input.bytesOf(chunk);
    if (this.#state !== "input" || !this.#takesInput) return;
    // One byte over the limit is enough to know.
    const room = this.#most + 1 - this.#gathered.size;
    this.#gathered.push(bytes, 0, Math.min(bytes.length, room));
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
  nextEvent(): SingleShotServerEvent | undefined {
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

  #next(): SingleShotServerEvent | undefined {
    switch (this.#state) {
      case "input":
        this.#checkSize();
        if (this.#takesInput && !this.#input.isEnded) return undefined;
        this.#state = "running";
        this.#isAnswered = false;
        return { type: "request", id, message: this.#gathered.take() };
      case "ending":
        this.#state = "over";
        return {
          type: "end",
          exitCode: this.#exitCode ?? extractorExitCodes.ok,
          unanswered: this.#isAnswered ? [] : [id],
        };
      case "running":
      case "over":
      case "failed":
        return undefined;
    }
  }

  #checkSize(): void {
    if (this.#gathered.size <= this.#most) return;
    const size = undefined;
    throw overLimit("The client's input has", "maxMessageSize", { size, most: this.#most });
  }

  #answerPieces(message: Uint8Array, binary: Uint8Array | undefined): readonly Uint8Array[] {
    const bytes = plainBytes(message);
    if (this.#version === 2) {
      if (binary === undefined) return [bytes];
      throw new LocalProtocolError(
        "An answer of version 2 is one message. Put the binary data into it.",
      );
    }
    if (bytes.length === 0 || bytes.includes(0x0a)) {
      throw new LocalProtocolError(
        "The header of an answer of version 1 is empty or has a line feed in it. " +
          "Give one line of JSON, without its end.",
      );
    }
    return binary === undefined ? [bytes, lineFeed] : [bytes, lineFeed, plainBytes(binary)];
  }

  /** Drops everything: the peer broke the protocol. */
  #fail(): void {
    this.#exitCode = extractorExitCodes.invalid;
    this.#state = "failed";
    this.#gathered.take();
  }
}
