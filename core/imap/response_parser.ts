/**
 * Takes a server's bytes apart for a client: whole responses, with their values.
 *
 * @module
 */

import { concat, GatheredBytes } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import type { Concealer } from "../peer_text.ts";
import { ArgumentScanner, ValueBuilder } from "./argument_scanner.ts";
import { asciiText } from "./command_line.ts";
import { completeImapLimits, type ImapLimits } from "./limits.ts";
import { LineInput } from "./line_input.ts";
import { contentEnd, type LiteralMarker, markerAt } from "./literal_marker.ts";
import type { ResponseCode } from "./response_code.ts";
import { checkStatusSize, isStatusLine, noResponse, parseStatusLine } from "./status_line.ts";
import { skipBytes, tagByte } from "./syntax.ts";
import type { ImapValue } from "./value.ts";

const SPACE = 0x20;
const LINE_FEED = 0x0a;

/** How many characters of a response's name a message shows. */
const shownLength = 100;

/** The most digits of a number before a response's name; one of 63 bits has 19 (RFC 9051, 9, `number64`). */
const mostDigits = 19;

/** `* OK`, `* NO`, `* BAD`, `* BYE`, `* PREAUTH`: `* BYE Logging out`. */
export interface UntaggedStatus {
  /** What kind of response it is. */
  readonly type: "status";
  /** "OK", "NO", "BAD", "BYE" or "PREAUTH". */
  readonly name: string;
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text for humans. */
  readonly text: string;
}

/** An untagged response with data: `* 23 FETCH (FLAGS (\Seen))`. */
export interface UntaggedData {
  /** What kind of response it is. */
  readonly type: "untagged";
  /** Its name in capital letters: "FETCH". */
  readonly name: string;
  /** The number before the name: 23; `undefined` if there is none. */
  readonly number: number | undefined;
  /** The values after the name. */
  readonly values: readonly ImapValue[];
}

/** The answer to a command: `a1 OK done`. */
export interface TaggedResponse {
  /** What kind of response it is. */
  readonly type: "tagged";
  /** The command's tag. */
  readonly tag: string;
  /** "OK", "NO" or "BAD". */
  readonly name: string;
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text for humans. */
  readonly text: string;
}

/** A continuation: `+ idling`. */
export interface Continuation {
  /** What kind of response it is. */
  readonly type: "continuation";
  /** All after `+ `: a text, or base64. */
  readonly text: string;
}

/** A server's response. */
export type ImapResponse = UntaggedStatus | UntaggedData | TaggedResponse | Continuation;

/** A response with data of which a part has come. */
interface PartialResponse {
  readonly name: string;
  readonly number: number | undefined;
  readonly scanner: ArgumentScanner;
  readonly builder: ValueBuilder;
  /** How many bytes of the wire it has so far. */
  size: number;
  /** The literal that comes, and how much of it is missing. */
  literal: LiteralMarker | undefined;
  missing: number;
}

/**
 * Reads a server's responses, each as a whole. Bytes go in by {@linkcode receive} and responses come out by
 * {@linkcode next}. It reads generously what servers send: also 8-bit in atoms, and values without a space
 * between them.
 *
 * @example
 * ```ts
 * import { astringOf, ResponseParser } from "@dovewire/dovewire/core/imap";
 * import { encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const parser = new ResponseParser();
 * parser.receive(encodeUtf8("* XKEY {5}\r\nhello\r\na1 OK [READ-ONLY] Done\r\n"));
 * const [data, answer] = [parser.next(), parser.next()];
 * assert(data?.type === "untagged" && astringOf(data.values[0]) === "hello");
 * assert(answer?.type === "tagged" && answer.code?.name === "READ-ONLY");
 * ```
 */
export class ResponseParser {
  #limits: ImapLimits;
  #concealer: Concealer | undefined;
  #input = new LineInput();
  /** The beginning of a first line that is too long for a status response. */
  #beginning: Uint8Array | undefined;
  #partial: PartialResponse | undefined;
  #literalBytes = new GatheredBytes();
  #failure: { readonly error: unknown } | undefined;

  /**
   * Creates a parser at the start of a response. With a `concealer` errors quote what the server sent. Throws a
   * `LocalProtocolError` for an invalid limit.
   */
  constructor(
    limits: Partial<ImapLimits> = {},
    { concealer }: { readonly concealer?: Concealer } = {},
  ) {
    this.#limits = completeImapLimits(limits);
    this.#concealer = concealer;
  }

  /** How many bytes are held that no response has told of. */
  get size(): number {
    return this.#input.size + (this.#beginning?.length ?? 0) + (this.#partial?.size ?? 0);
  }

  /**
   * Whether the server sends no more and {@linkcode next} has told every response, which it learns when it
   * returns `undefined`. An incomplete response is dropped.
   */
  get isAtEnd(): boolean {
    return this.#input.isAtEnd;
  }

  /** Takes bytes that arrived. The parser owns the chunk from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#input.push(chunk);
  }

  /** Ends the input. */
  receiveEnd(): void {
    this.#input.end();
  }

  /**
   * The next response; `undefined` if it takes more bytes. Throws a `RemoteProtocolError` for what is no
   * response and for one that exceeds a limit, and the same error afterwards.
   */
  next(): ImapResponse | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      return this.#partial === undefined ? this.#begin() : this.#goOn(this.#partial);
    } catch (error) {
      this.#failure = { error };
      this.#beginning = undefined;
      this.#input.clear();
      throw error;
    }
  }

  /** Takes all bytes that were not read yet, as before a TLS handshake; `undefined` if there are none. */
  takeUnread(): Uint8Array | undefined {
    const rest = this.#input.takeAll();
    const beginning = this.#beginning;
    this.#beginning = undefined;
    return beginning === undefined ? rest : concat([beginning, rest ?? new Uint8Array(0)]);
  }

  /** Reads the first line of a response. */
  #begin(): ImapResponse | undefined {
    const bytes = this.#takeFirstLine();
    if (bytes === undefined) return undefined;
    const end = contentEnd(bytes);
    const isStatus = isStatusLine(bytes, 0, bytes.length);
    if (isStatus && !isCapability(bytes)) return this.#readStatus(bytes);
    const { number, nameStart, nameEnd } = headOf(bytes, end);
    if (nameEnd === nameStart) throw noResponse(bytes, this.#concealer);
    const partial: PartialResponse = {
      name: asciiText(bytes, nameStart, nameEnd).toUpperCase(),
      number,
      scanner: new ArgumentScanner({ depth: this.#limits.depth, isLenient: true }),
      builder: new ValueBuilder(this.#limits.response),
      size: 0,
      literal: undefined,
      missing: 0,
    };
    return this.#readLine(partial, bytes, nameEnd) ?? this.#goOn(partial);
  }

  #readStatus(bytes: Uint8Array): ImapResponse {
    checkStatusSize(bytes, this.#limits.responseLine);
    const { kind, tag, name, code, text } = parseStatusLine(bytes, this.#concealer);
    if (kind === "continuation") return { type: "continuation", text };
    return tag === undefined
      ? { type: "status", name, code, text }
      : { type: "tagged", tag, name, code, text };
  }

  /** Reads on in a response after a literal was announced. */
  #goOn(partial: PartialResponse): ImapResponse | undefined {
    for (;;) {
      if (partial.literal !== undefined && !this.#readLiteral(partial, partial.literal)) {
        return undefined;
      }
      const bytes = this.#takeLine(this.#limits.response - partial.size);
      if (bytes === undefined) return undefined;
      const response = this.#readLine(partial, bytes, 0);
      if (response !== undefined) return response;
    }
  }

  /** Reads a literal's data; returns whether they are complete. */
  #readLiteral(partial: PartialResponse, { isBinary }: LiteralMarker): boolean {
    const input = this.#input;
    while (partial.missing > 0) {
      const { length } = input.takeData(partial.missing);
      if (length === 0) return false;
      this.#literalBytes.push(input.chunk, input.at - length, input.at);
      partial.missing -= length;
    }
    partial.builder.string(this.#literalBytes.take(), isBinary ? "literal8" : "literal");
    partial.literal = undefined;
    return true;
  }

  /** Reads the values of a line from `start` on; returns the response if the line ends it. */
  #readLine(partial: PartialResponse, bytes: Uint8Array, start: number): ImapResponse | undefined {
    const { scanner, builder, name, number } = partial;
    const end = contentEnd(bytes);
    const marker = markerAt(bytes, end, start);
    if (marker?.start === -1) throw this.#invalid(partial, "a literal's size of too many digits");
    const reason = scanner.scan(bytes, start, marker?.start ?? end, builder);
    if (builder.isOver()) throw this.#tooLarge();
    if (reason !== undefined) throw this.#invalid(partial, reason);
    if (marker === undefined) {
      if (scanner.isWithinList) throw this.#invalid(partial, "Missing ')'");
      this.#partial = undefined;
      return { type: "untagged", name, number, values: builder.values };
    }
    const { literal, response } = this.#limits;
    if (marker.size > literal) {
      throw new RemoteProtocolError(
        `The server's ${
          name.slice(0, shownLength)
        } has a literal of ${marker.size} bytes, and ${literal} are allowed. ` +
          'If that is right, raise "limits.literal".',
        { limit: "literal" },
      );
    }
    scanner.literal();
    partial.literal = marker;
    partial.missing = marker.size;
    partial.size += bytes.length + marker.size;
    if (partial.size > response || builder.isOver(marker.size)) throw this.#tooLarge();
    this.#partial = partial;
    return undefined;
  }

  /** The first line of a response. One that begins as a status is refused before more of it is kept than it may have. */
  #takeFirstLine(): Uint8Array | undefined {
    const { response, responseLine } = this.#limits;
    if (this.#beginning === undefined) {
      if (responseLine >= response) return this.#takeLine(response);
      const bytes = this.#input.takeLine(responseLine);
      if (bytes === undefined || bytes.length <= responseLine) return bytes;
      if (isStatusLine(bytes, 0, bytes.length) && !isCapability(bytes)) {
        // Refuses what is no response at all.
        parseStatusLine(bytes, this.#concealer);
        checkStatusSize(bytes, responseLine);
      }
      if (bytes.at(-1) === LINE_FEED) return bytes;
      // A copy: it is kept for longer than its chunk.
      this.#beginning = bytes.slice();
    }
    const rest = this.#takeLine(response - this.#beginning.length);
    if (rest === undefined) return undefined;
    const line = concat([this.#beginning, rest]);
    this.#beginning = undefined;
    return line;
  }

  #takeLine(limit: number): Uint8Array | undefined {
    const bytes = this.#input.takeLine(limit);
    if (bytes !== undefined && bytes.length > limit) throw this.#tooLarge();
    return bytes;
  }

  #tooLarge(): RemoteProtocolError {
    return new RemoteProtocolError(
      `The server's response takes more than ${this.#limits.response} bytes of memory. ` +
        'If that is right, raise "limits.response".',
      { limit: "response" },
    );
  }

  #invalid({ name }: PartialResponse, reason: string): RemoteProtocolError {
    return new RemoteProtocolError(
      `The server sent an invalid ${
        name.slice(0, shownLength)
      } response: ${reason}. The connection can't be used any more.`,
    );
  }
}

/** Whether a line is `* CAPABILITY`, which has values as other data has. */
function isCapability(bytes: Uint8Array): boolean {
  return /^\* CAPABILITY[ \r\n]/i.test(asciiText(bytes, 0, Math.min(bytes.length, 13)));
}

/** The number and the name of an untagged response. */
function headOf(
  bytes: Uint8Array,
  end: number,
): { readonly number: number | undefined; readonly nameStart: number; readonly nameEnd: number } {
  const word = (start: number) => skipBytes(bytes, { start, end, kind: tagByte });
  const first = word(2);
  const text = asciiText(bytes, 2, Math.min(first, 2 + mostDigits + 1));
  if (!/^\d+$/.test(text) || text.length > mostDigits || bytes[first] !== SPACE) {
    return { number: undefined, nameStart: 2, nameEnd: first };
  }
  return { number: Number(text), nameStart: first + 1, nameEnd: word(first + 1) };
}
