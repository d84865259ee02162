/**
 * Takes a server's bytes apart for passing them on: status responses whole, all else as it comes.
 *
 * @module
 */

import { concat, indexOfLineFeed } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import type { Concealer } from "../peer_text.ts";
import type { StateArchive } from "../state_archive.ts";
import { completeImapLimits, type ImapLimits } from "./limits.ts";
import { LineInput } from "./line_input.ts";
import { contentEnd, type LiteralMarker, markerAt, markerSpan } from "./literal_marker.ts";
import { checkStatusSize, isStatusLine, parseStatusLine, type StatusLine } from "./status_line.ts";

const nothing: Uint8Array = new Uint8Array(0);

/**
 * A response that a relay has to understand: `* OK`, `* NO`, `* BAD`, `* BYE`, `* PREAUTH`, `* CAPABILITY`,
 * a tagged one, or a continuation.
 */
export interface StatusFrame extends StatusLine {
  /** What kind of frame it is. */
  readonly type: "status";
  /** The whole response as it was received, with its line end. */
  readonly bytes: Uint8Array;
}

/** Bytes of other responses, as many as came. */
export interface PassFrame {
  /** What kind of frame it is. */
  readonly type: "pass";
  /** The bytes, which are part of a chunk that was received. */
  readonly bytes: Uint8Array;
  /** Whether they end between two responses. */
  readonly atBoundary: boolean;
}

/** What a server's bytes are taken apart into, in wire order. */
export type ResponseFrame = StatusFrame | PassFrame;

/** Where in the server's bytes a reader is. */
type State =
  /** Between two responses. */
  | "start"
  /** In a response of which too little is there to know what it is. */
  | "unknown"
  /** In a status response. */
  | "status"
  /** On a line of another response. */
  | "line"
  /** In a literal. */
  | "data"
  /** After an error. */
  | "failed";

/**
 * Reads a server's bytes for passing them on. They go in by {@linkcode receive} and come out as frames by
 * {@linkcode next}: status responses, tagged ones and continuations each as a whole, which is all that a relay
 * has to understand, and what is between them in pieces as large as they came, without copying.
 *
 * A line ends a response unless it ends in a literal's marker, `{5}`; in a status response, whose text is for
 * humans, that is none (RFC 9051, 9, `resp-text`).
 *
 * @example
 * ```ts
 * import { ResponseReader } from "@dovewire/dovewire/core/imap";
 * import { encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const reader = new ResponseReader();
 * reader.receive(encodeUtf8("* 1 EXISTS\r\n* 1 FETCH (BODY[] {5}\r\nhello)\r\na1 OK Done\r\n"));
 * const [pass, status] = [reader.next(), reader.next()];
 * assert(pass?.type === "pass" && pass.atBoundary);
 * assert(status?.type === "status" && status.tag === "a1" && status.name === "OK");
 * ```
 */
export class ResponseReader {
  readonly #limits: ImapLimits;
  readonly #concealer: Concealer | undefined;
  #state: State = "start";
  #input = new LineInput();
  /** The beginning of a response that isn't known yet. */
  #beginning = nothing;
  /** The end of the part of a line that came in earlier chunks. */
  #tail = nothing;
  /** How much of a literal is missing. */
  #missing = 0;
  #error: unknown;

  /**
   * Creates a reader at the start of a response. With a `concealer` errors quote what the server sent. Throws a
   * `LocalProtocolError` for an invalid limit.
   */
  constructor(
    limits: Partial<ImapLimits> = {},
    { concealer }: { readonly concealer?: Concealer } = {},
  ) {
    this.#limits = completeImapLimits(limits);
    this.#concealer = concealer;
  }

  /** How many bytes are held that no frame has told of. */
  get size(): number {
    return this.#beginning.length + this.#input.size;
  }

  /** Whether the latest frame ended between two responses, so that other output may follow. */
  get atBoundary(): boolean {
    return this.#state !== "line" && this.#state !== "data";
  }

  /**
   * Whether the server sends no more and {@linkcode next} has told every frame, which it learns when it
   * returns `undefined`. An incomplete status response is dropped.
   */
  get isAtEnd(): boolean {
    return this.#input.isAtEnd;
  }

  /** Takes bytes that arrived. The reader owns the chunk from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#state !== "failed") this.#input.push(chunk);
  }

  /** Ends the input. */
  receiveEnd(): void {
    this.#input.end();
  }

  /**
   * The next frame; `undefined` if it takes more bytes. `toBoundary` is whether it ends after one response, even if
   * more of them have come. Throws a `RemoteProtocolError` for what is no
   * response and for one that exceeds a limit, and the same error afterwards.
   */
  next({ toBoundary = false }: { readonly toBoundary?: boolean } = {}): ResponseFrame | undefined {
    if (this.#state === "failed") throw this.#error;
    try {
      return this.#next(toBoundary);
    } catch (error) {
      this.#state = "failed";
      this.#error = error;
      this.#input.clear();
      throw error;
    }
  }

  /** Takes all bytes that no frame has told of, as before a TLS handshake; `undefined` if there are none. */
  takeUnread(): Uint8Array | undefined {
    const rest = this.#input.takeAll();
    if (this.#beginning.length === 0) return rest;
    const all = concat([this.#beginning, rest ?? nothing]);
    this.#beginning = nothing;
    this.#state = "start";
    return all;
  }

  /** Passes where it is in the input through an archive; an error can't be archived. */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    state.part(this.#input);
    this.#beginning = state.value(this.#beginning);
    this.#tail = state.value(this.#tail);
    this.#missing = state.value(this.#missing);
    this.#error = state.value(this.#error);
  }

  #next(toBoundary: boolean): ResponseFrame | undefined {
    const input = this.#input;
    while (this.#is("unknown") && input.hasByte()) {
      const passed = this.#learn();
      if (passed !== undefined) return passed;
    }
    if (this.#is("status")) return this.#readStatus();
    if (this.#is("unknown") || !input.hasByte()) return undefined;
    const { chunk, at: start } = input;
    let at = start;
    while (at < chunk.length && !this.#is("unknown") && !this.#is("status")) {
      at = this.#pass(chunk, at);
      if (toBoundary && this.#is("start")) break;
    }
    input.at = at;
    const { atBoundary } = this;
    if (this.#is("unknown")) this.#beginning = input.takeData(chunk.length).slice();
    return at === start
      ? this.#next(toBoundary)
      : { type: "pass", bytes: chunk.subarray(start, at), atBoundary };
  }

  /** Whether a state is the current one, which the compiler takes for unchanged after a call. */
  #is(state: State): boolean {
    return this.#state === state;
  }

  /** Reads on in a chunk, and returns how far. */
  #pass(chunk: Uint8Array, at: number): number {
    if (this.#state === "data") {
      const size = Math.min(this.#missing, chunk.length - at);
      this.#missing -= size;
      if (this.#missing === 0) this.#state = "line";
      return at + size;
    }
    if (this.#state === "start") {
      const isStatus = isStatusLine(chunk, at, chunk.length);
      this.#state = isStatus === undefined ? "unknown" : isStatus ? "status" : "line";
      if (this.#state !== "line") return at;
    }
    const found = indexOfLineFeed(chunk, at, chunk.length);
    const stop = found === -1 ? chunk.length : found + 1;
    if (found === -1 || this.#tail.length > 0) {
      const tail = concat([this.#tail, chunk.subarray(Math.max(at, stop - markerSpan), stop)]);
      this.#tail = tail.slice(-markerSpan);
      if (found === -1) return stop;
      this.#endLine(markerAt(this.#tail, contentEnd(this.#tail)));
      this.#tail = nothing;
    } else this.#endLine(markerAt(chunk, contentEnd(chunk, stop, at), at));
    return stop;
  }

  #endLine(marker: LiteralMarker | undefined): void {
    if (marker === undefined) {
      this.#state = "start";
      return;
    }
    if (marker.size === Infinity) {
      throw new RemoteProtocolError("The server sent a literal's size that has too many digits.");
    }
    this.#missing = marker.size;
    this.#state = marker.size === 0 ? "line" : "data";
  }

  /** Learns from one more byte what a response is; returns its beginning if it passes. */
  #learn(): PassFrame | undefined {
    const beginning = concat([this.#beginning, this.#input.takeData(1)]);
    this.#beginning = beginning;
    const isStatus = isStatusLine(beginning, 0, beginning.length);
    if (isStatus === true) this.#state = "status";
    if (isStatus !== false) return undefined;
    this.#beginning = nothing;
    this.#state = "start";
    this.#pass(beginning, 0);
    return { type: "pass", bytes: beginning, atBoundary: this.atBoundary };
  }

  /** Reads a status response. */
  #readStatus(): StatusFrame | undefined {
    const limit = this.#limits.responseLine;
    const beginning = this.#beginning;
    // Its beginning may have a line's end only if it is no response.
    if (beginning.includes(0x0a)) return this.#tellStatus(beginning);
    const line = this.#input.takeLine(limit - beginning.length);
    if (line === undefined) return undefined;
    return this.#tellStatus(beginning.length === 0 ? line : concat([beginning, line]));
  }

  #tellStatus(bytes: Uint8Array): StatusFrame {
    checkStatusSize(bytes, this.#limits.responseLine);
    const line = parseStatusLine(bytes, this.#concealer);
    this.#beginning = nothing;
    this.#state = "start";
    return { type: "status", ...line, bytes };
  }
}
