/**
 * Headers of mails and of their parts (RFC 5322, 2.2), as the bytes that they are in.
 *
 * @module
 */

import { decodeUtf8Strictly, indexOfLineFeed } from "@dovewire/dovewire/core";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const tab = 0x09;
const colon = 0x3a;

/** More of a field than that many bytes isn't read. */
const maxFieldSize = 4_194_304;

/** More fields of one name aren't looked at. */
const maxFields = 25_000;

/** Takes a field: its name is `bytes[start..nameEnd)`, its value `bytes[valueStart..end)`, folded as it is. */
export type FieldVisitor = (
  start: number,
  nameEnd: number,
  valueStart: number,
  end: number,
) => boolean;

/**
 * Goes through the fields of a header, which begins at the first byte, until `visit` gives true.
 *
 * A line ends with a line feed, and carriage returns ahead of it belong to its end. The header ends
 * with an empty line, or where the bytes end. A line that is no field, because it has no colon or
 * blanks in its name, is left out; if it is the very first one there is no header, and it belongs to
 * the body. So it is with text that somebody put into a file without a header. The line "From joe …"
 * that mbox files have ahead of a mail is no field, and it isn't the first line either.
 *
 * @returns Where the body begins.
 */
export function scanFields(bytes: Uint8Array, visit: FieldVisitor): number {
  let at = 0;
  let hasFields = false;
  let isOpen = false;
  let start = 0;
  let nameEnd = 0;
  let valueStart = 0;
  let end = 0;
  while (at < bytes.length) {
    const found = indexOfLineFeed(bytes, at, bytes.length);
    const next = found === -1 ? bytes.length : found + 1;
    let lineEnd = found === -1 ? bytes.length : found;
    while (lineEnd > at && bytes[lineEnd - 1] === carriageReturn) lineEnd--;
    if (lineEnd === at) {
      if (isOpen) visit(start, nameEnd, valueStart, end);
      return next;
    }
    if (bytes[at] === space || bytes[at] === tab) {
      if (!hasFields) return at;
      end = lineEnd;
    } else {
      if (isOpen && visit(start, nameEnd, valueStart, end)) return at;
      start = at;
      nameEnd = endOfName(bytes, at, lineEnd);
      let colonAt = nameEnd;
      while (bytes[colonAt] === space || bytes[colonAt] === tab) colonAt++;
      isOpen = nameEnd > at && colonAt < lineEnd && bytes[colonAt] === colon;
      valueStart = colonAt + 1;
      end = lineEnd;
      if (isOpen) hasFields = true;
      else if (!hasFields && !(at === 0 && isMailboxLine(bytes))) return at;
    }
    at = next;
  }
  if (isOpen) visit(start, nameEnd, valueStart, end);
  return bytes.length;
}

/** Whether it begins with the line that mbox files have ahead of each mail. */
function isMailboxLine(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 6));
  return start.startsWith("From ") || start === ">From ";
}

/** Where the characters end that a field's name may be made of. */
function endOfName(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] > space && bytes[at] < 0x7f && bytes[at] !== colon) at++;
  return at;
}

/** Whether a field's name is `name`, which is in lower case. */
function hasName(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at];
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== name.charCodeAt(at)) return false;
  }
  return true;
}

/**
 * The value of the first field of a name, which is in lower case, unfolded; `undefined` if there is
 * none. What is behind it isn't looked at.
 */
export function firstField(header: Uint8Array, name: string): string | undefined {
  let value: string | undefined;
  scanFields(header, (start, nameEnd, valueStart, end) => {
    if (!hasName(header, start, nameEnd, name)) return false;
    value = unfold(header, valueStart, end);
    return true;
  });
  return value;
}

/** The fields of a header that something is wanted of; their values are decoded when asked for. */
export class Header {
  readonly #bytes: Uint8Array;
  readonly #spans: Map<string, [start: number, end: number][]> = new Map();
  /** Where the body begins. */
  readonly bodyStart: number;

  /** Reads the header at the start of a mail or a part; of the fields named, in lower case. */
  constructor(bytes: Uint8Array, names: readonly string[]) {
    this.#bytes = bytes;
    this.bodyStart = scanFields(bytes, (start, nameEnd, valueStart, end) => {
      const name = names.find((name) => hasName(bytes, start, nameEnd, name));
      if (name === undefined) return false;
      const spans = this.#spans.get(name);
      if (spans === undefined) this.#spans.set(name, [[valueStart, end]]);
      else if (spans.length < maxFields) spans.push([valueStart, end]);
      return false;
    });
  }

  /** The value of the first field of a name, unfolded; "" if there is none. */
  first(name: string): string {
    const [span] = this.#spans.get(name) ?? [];
    return span === undefined ? "" : unfold(this.#bytes, ...span);
  }

  /** The values of all fields of a name, unfolded. */
  all(name: string): string[] {
    return (this.#spans.get(name) ?? []).map((span) => unfold(this.#bytes, ...span));
  }
}

const windows1252 = new TextDecoder("windows-1252");

/** Bytes that no charset was declared for: UTF-8, or windows-1252 if they aren't that. */
export function decodeUndeclared(bytes: Uint8Array): string {
  return decodeUtf8Strictly(bytes) ?? windows1252.decode(bytes);
}

/** A field's value in one line; encoded words in it stay what they are. */
function unfold(bytes: Uint8Array, start: number, end: number): string {
  let cut = Math.min(end, start + maxFieldSize);
  // Not within a character of UTF-8.
  if (cut < end) { for (let back = 0; back < 3 && (bytes[cut] & 0xc0) === 0x80; back++) cut--; }
  const text = decodeUndeclared(bytes.subarray(start, cut));
  const isFolded = bytes.subarray(start, cut).includes(lineFeed);
  return (isFolded ? text.replaceAll("\r\n", "").replaceAll("\n", "") : text).trim();
}
