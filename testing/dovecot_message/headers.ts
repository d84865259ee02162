/**
 * The header of a message, or of a part of one, field by field.
 *
 * @module
 */

import { toByteString } from "./byte_string.ts";
import { decodeEncodedWords } from "./encoded_words.ts";

const LF = 0x0a;
const CR = 0x0d;

/** A longer name is taken for a part of the value, as Dovecot does. */
const longestName = 1000;

/** A field of a header; a line without a colon is a field without a name. */
export class HeaderField {
  /** Where the field begins in the message. */
  readonly start: number;
  /** Where it ends, behind its line end. */
  readonly end: number;
  readonly #bytes: Uint8Array;
  readonly #colon: number;
  #name: string | undefined;
  #value: string | undefined;
  #decoded: string | undefined;

  /** Makes the field `message[start..end)`; `colon` is where its colon is, -1 if it has none. */
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

  /** What stands between the name and the first character of the value: ": ". */
  get middle(): string {
    if (this.name === "") return "";
    const start = this.start + this.name.length;
    let end = this.#colon + 1;
    if (end < this.end && isBlank(this.#bytes[end])) end++;
    return toByteString(this.#bytes.subarray(start, end));
  }

  /**
   * The value as a byte string, folded as it is, but with LF for line ends; without the white space
   * ahead of it and the line end behind it.
   */
  get value(): string {
    if (this.#value !== undefined) return this.#value;
    let start = this.name === "" ? this.start : this.#colon + 1;
    while (this.name !== "" && start < this.end && isBlank(this.#bytes[start])) start++;
    return this.#value = this.#from(start);
  }

  /** What the field has from a place on, with LF for line ends, and without the last of them. */
  #from(start: number): string {
    const text = toByteString(this.#bytes.subarray(start, this.end));
    return text.replaceAll("\r\n", "\n").replace(/\n$/, "");
  }

  /** The value as a byte string on one line: a line end and the blank behind it are a space. */
  get unfolded(): string {
    return unfold(this.value);
  }

  /** Like {@linkcode unfolded}, but of white space ahead of the value only one blank is left out. */
  get spacedValue(): string {
    return unfold(this.#from(this.start + this.name.length + this.middle.length));
  }

  /**
   * The value as a text on one line, its encoded words (RFC 2047) decoded. U+FFFD stands for NULs in
   * it, a space for those that encoded words hold.
   */
  get decoded(): string {
    const value = this.unfolded.replaceAll("\0", "\xef\xbf\xbd");
    return this.#decoded ??= decodeEncodedWords(value).replaceAll("\0", " ");
  }
}

/** Takes the folding out of a value: a line end and the blank behind it become one space. */
export function unfold(value: string): string {
  return value.includes("\n") ? value.replaceAll(/\n[ \t]?/g, " ") : value;
}

/** A header. */
export interface Header {
  /** Its fields, in their order. */
  readonly fields: readonly HeaderField[];
  /** Where it ends: behind the empty line, or where there is none, where the message ends. */
  readonly end: number;
  /** Whether an empty line ends it. */
  readonly hasEnd: boolean;
  /** How long the last line end in it is: 2 for CR LF, 0 if the message ends before one. */
  readonly lastLineEnd: number;
}

/**
 * Reads the header that begins at `start`: until behind an empty line, to where `isBoundary` says of
 * a line's beginning that something else begins there, or to the end.
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

/** The first field of a name, whose letters' case doesn't matter. */
export function firstField(fields: readonly HeaderField[], name: string): HeaderField | undefined {
  const wanted = name.toLowerCase();
  return fields.find((field) => field.name.toLowerCase() === wanted);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** Where a byte is, or the end. */
function indexOf(bytes: Uint8Array, byte: number, from: number): number {
  const found = bytes.indexOf(byte, from);
  return found === -1 ? bytes.length : found;
}
