/**
 * The header of a message, or of a part of one, field by field.
 *
 * @module
 */

import { toByteString } from "../../core/byte_string.ts";
import { decodeEncodedWords } from "./encoded_words.ts";

const LF = 0x0a;
const CR = 0x0d;

/** The longest name, in bytes; Dovecot reads a longer one as a part of the value. */
const longestName = 1000;

/** A field of a header; a line without a colon is a field without a name. */
export class HeaderField {
  /** Where the field begins in the message. */
  readonly start: number;
  /** Where it ends, after its line end. */
  readonly end: number;
  readonly #bytes: Uint8Array;
  readonly #colon: number;
  #name: string | undefined;
  #value: string | undefined;
  #decoded: string | undefined;

  /** Creates the field `message[start..end)`; `colon` is the index of its colon, -1 if it has none. */
  constructor(message: Uint8Array, start: number, end: number, colon: number) {
    this.start = start;
    this.end = end;
    this.#bytes = message;
    this.#colon = colon;
  }

  /** The field as it stands in the message, with its line ends. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.start, this.end);
  }

  /** The name as it is written, as a byte string; "" for a line without a colon. */
  get name(): string {
    if (this.#name !== undefined) return this.#name;
    let end = this.#colon === -1 ? this.start : this.#colon;
    while (end > this.start && isBlank(this.#bytes[end - 1])) end--;
    if (end - this.start > longestName) end = this.start;
    return this.#name = toByteString(this.#bytes.subarray(this.start, end));
  }

  /** The text between the name and the first character of the value: ": ". */
  get middle(): string {
    if (this.name === "") return "";
    const start = this.start + this.name.length;
    let end = this.#colon + 1;
    if (end < this.end && isBlank(this.#bytes[end])) end++;
    return toByteString(this.#bytes.subarray(start, end));
  }

  /**
   * The value as a byte string, folded as it is, but with LF for line ends; without the white space
   * before it and the line end after it.
   */
  get value(): string {
    if (this.#value !== undefined) return this.#value;
    let start = this.name === "" ? this.start : this.#colon + 1;
    while (this.name !== "" && start < this.end && isBlank(this.#bytes[start])) start++;
    return this.#value = this.#from(start);
  }

  /** The field from an index on, with LF for line ends, and without the last of them. */
  #from(start: number): string {
    const text = toByteString(this.#bytes.subarray(start, this.end));
    return text.replaceAll("\r\n", "\n").replace(/\n$/, "");
  }

  /** The value as a byte string on one line: a line end and the blank after it become one space. */
  get unfolded(): string {
    return unfold(this.value);
  }

  /** Like {@linkcode unfolded}, but removes only one blank of the white space before the value. */
  get spacedValue(): string {
    return unfold(this.#from(this.start + this.name.length + this.middle.length));
  }

  /**
   * The value as a text on one line, its encoded words (RFC 2047) decoded. A NUL becomes U+FFFD, or a
   * space if it is in an encoded word.
   */
  get decoded(): string {
    const value = this.unfolded.replaceAll("\0", "\xef\xbf\xbd");
    return this.#decoded ??= decodeEncodedWords(value).replaceAll("\0", " ");
  }
}

/** Unfolds a value: a line end and the blank after it become one space. */
export function unfold(value: string): string {
  return value.includes("\n") ? value.replaceAll(/\n[ \t]?/g, " ") : value;
}

/** A header. */
export interface Header {
  /** Its fields, in their order. */
  readonly fields: readonly HeaderField[];
  /** Where it ends: after the empty line, or if there is none, at the message's end. */
  readonly end: number;
  /** Whether an empty line ends it. */
  readonly hasEnd: boolean;
  /** How long the last line end in it is: 2 for CR LF, 0 if the message ends before one. */
  readonly lastLineEnd: number;
}

/**
 * Reads the header that begins at `start`: up to the end of an empty line, to a line for whose start
 * `isBoundary` returns `true`, or to the message's end.
 */
export function readHeader(
  message: Uint8Array,
  start: number,
  isBoundary: ((at: number) => boolean) | undefined = undefined,
): Header {
  const fields: HeaderField[] = [];
  let at = start;
  let lastLineEnd = 0;
  while (at < message.length) {
    if (isBoundary?.(at)) return { fields, end: at, hasEnd: false, lastLineEnd };
    if (message[at] === LF) return { fields, end: at + 1, hasEnd: true, lastLineEnd: 1 };
    if (message[at] === CR && message[at + 1] === LF) {
      return { fields, end: at + 2, hasEnd: true, lastLineEnd: 2 };
    }
    let lineFeed = indexOf(message, LF, at);
    const colon = message.subarray(at, lineFeed).indexOf(0x3a);
    while (lineFeed + 1 < message.length && isBlank(message[lineFeed + 1])) {
      lineFeed = indexOf(message, LF, lineFeed + 1);
    }
    const end = Math.min(lineFeed + 1, message.length);
    fields.push(new HeaderField(message, at, end, colon === -1 ? -1 : at + colon));
    lastLineEnd = message[end - 1] !== LF ? 0 : message[end - 2] === CR ? 2 : 1;
    at = end;
  }
  return { fields, end: at, hasEnd: false, lastLineEnd };
}

/** The first field of a name, in any case. */
export function firstField(fields: readonly HeaderField[], name: string): HeaderField | undefined {
  const wanted = name.toLowerCase();
  return fields.find((field) => field.name.toLowerCase() === wanted);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** The index of a byte, or of the end. */
function indexOf(bytes: Uint8Array, byte: number, from: number): number {
  const found = bytes.indexOf(byte, from);
  return found === -1 ? bytes.length : found;
}
