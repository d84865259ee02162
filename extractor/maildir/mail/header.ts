/**
 * Headers of mails and of their parts (RFC 5322, 2.2), as bytes.
 *
 * @module
 */

import { indexOfLineFeed } from "@dovewire/dovewire/core";
import { type Boundary, boundaryOf, delimiterLine, isEnd, mediaType } from "./boundary.ts";
import { toByteText, trimAscii } from "./byte_text.ts";
import { StructuredField } from "./structured_field.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const tab = 0x09;
const colon = 0x3a;
const dash = 0x2d;

/** The maximum bytes of a field; the rest isn't read. */
const maxFieldSize = 4_194_304;

/** The maximum number of fields of one name; the rest isn't read. */
const maxFields = 25_000;

/** A field within the bytes of its mail. */
export interface FieldSpan {
  /** Where its name begins. */
  readonly start: number;
  /** Where its name ends. */
  readonly nameEnd: number;
  /** Where its value begins, still folded. */
  readonly valueStart: number;
  /** Where its value ends. */
  readonly end: number;
}

/** Callbacks for the fields of a header. */
interface FieldVisitor {
  /** Takes a field; returns `true` to end the scan. */
  visit(field: FieldSpan): boolean;
  /** Whether a line that begins with two dashes ends the header, since it ends or begins another part. */
  isDelimiter?(start: number, end: number): boolean;
}

/**
 * Scans the fields of a header that begins at `from`.
 *
 * A line ends with a line feed, and carriage returns before it belong to its end. The header ends with an
 * empty line, with the first delimiter of the multipart that it declares, or at the end of the bytes. A
 * line that is no field, because it has no colon or has blanks in its name, is skipped, but:
 *
 * - If it is the very first line, there is no header, and it belongs to the body, as in a file that a
 *   program wrote without a header.
 * - If no field follows it and it has no colon, an empty line is missing before it, and the body begins
 *   there.
 *
 * The line "From joe …" that mbox files have before a mail is neither a field nor the first line.
 *
 * @returns Where the body begins.
 */
function scanFields(bytes: Uint8Array, from: number, visitor: FieldVisitor): number {
  const own = new OwnBoundary(bytes);
  let at = from;
  let hasFields = false;
  let field: { start: number; nameEnd: number; valueStart: number; end: number } | undefined;
  /** The lines after the last field, and whether they have text. */
  let rest = -1;
  let restHasText = false;
  const close = (): boolean => {
    if (field === undefined) return false;
    own.see(field);
    return visitor.visit(field);
  };
  while (at < bytes.length) {
    const found = indexOfLineFeed(bytes, at, bytes.length);
    const next = found === -1 ? bytes.length : found + 1;
    let lineEnd = found === -1 ? bytes.length : found;
    while (lineEnd > at && bytes[lineEnd - 1] === carriageReturn) lineEnd--;
    if (lineEnd === at) {
      close();
      return restHasText ? rest : next;
    }
    if (bytes[at] === space || bytes[at] === tab) {
      if (!hasFields) return at;
      if (field !== undefined) field.end = lineEnd;
    } else {
      if (close()) return at;
      field = undefined;
      const isDelimiter = bytes[at] === dash && bytes[at + 1] === dash &&
        (own.isDelimiter(at, lineEnd) || visitor.isDelimiter?.(at, lineEnd));
      if (isDelimiter) return restHasText ? rest : at;
      field = fieldAt(bytes, at, lineEnd);
      if (field !== undefined) {
        hasFields = true;
        rest = -1;
        restHasText = false;
      } else if (!isMailboxLine(bytes, at)) {
        if (!hasFields) return at;
        if (rest === -1) rest = at;
        // A line that is cut off may be the start of a field.
        if (found !== -1 && !bytes.subarray(at, lineEnd).includes(colon)) restHasText = true;
      } else if (!hasFields && at !== from) return at;
    }
    at = next;
  }
  close();
  return restHasText ? rest : bytes.length;
}

/** The field that begins in a line; `undefined` if none does. */
function fieldAt(
  bytes: Uint8Array,
  start: number,
  end: number,
): FieldSpan & { end: number } | undefined {
  let nameEnd = start;
  while (
    nameEnd < end && bytes[nameEnd] > space && bytes[nameEnd] < 0x7f && bytes[nameEnd] !== colon
  ) {
    nameEnd++;
  }
  let colonAt = nameEnd;
  while (bytes[colonAt] === space || bytes[colonAt] === tab) colonAt++;
  if (nameEnd === start || colonAt >= end || bytes[colonAt] !== colon) return undefined;
  return { start, nameEnd, valueStart: colonAt + 1, end };
}

/** Whether a line is an mbox separator. */
function isMailboxLine(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0x46 && bytes[at] !== 0x3e) return false;
  const start = toByteText(bytes.subarray(at, at + 6));
  return start.startsWith("From ") || start === ">From ";
}

/** The boundary that a header declares; its delimiters can't be fields of the header. */
class OwnBoundary {
  readonly #bytes: Uint8Array;
  #type: FieldSpan | undefined;
  #boundary: Boundary | undefined;
  #isKnown = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes a field. */
  see(field: FieldSpan): void {
    if (this.#type === undefined && hasName(this.#bytes, field, "content-type")) this.#type = field;
  }

  /** Whether a line is a delimiter of it. */
  isDelimiter(start: number, end: number): boolean {
    if (this.#type === undefined) return false;
    if (!this.#isKnown) {
      const field = new StructuredField(unfold(this.#bytes, this.#type));
      if (mediaType(field, "").startsWith("multipart/")) this.#boundary = boundaryOf(field);
      this.#isKnown = true;
    }
    const boundary = this.#boundary;
    if (boundary?.text.charCodeAt(0) !== this.#bytes[start + 2]) return false;
    const line = delimiterLine(this.#bytes, start, end);
    if (line === undefined || boundary === undefined) return false;
    return line.text === boundary.text || isEnd(line, boundary);
  }
}

/** Whether a field's name is `name`, which is in lower case. */
function hasName(bytes: Uint8Array, { start, nameEnd }: FieldSpan, name: string): boolean {
  if (nameEnd - start !== name.length) return false;
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at];
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== name.charCodeAt(at)) return false;
  }
  return true;
}

/**
 * The value of the first field of a name, which is in lower case, unfolded, bytes as characters;
 * `undefined` if there is none. Nothing after it is read.
 */
export function firstField(header: Uint8Array, name: string): string | undefined {
  let value: string | undefined;
  const bytes = withLineFeeds(header);
  scanFields(bytes, 0, {
    visit: (field) => {
      if (!hasName(bytes, field, name)) return false;
      value = unfold(bytes, field);
      return true;
    },
  });
  return value;
}

/** Options of a {@linkcode Header}. */
export interface HeaderOptions {
  /** Where it begins; 0 if left out. */
  readonly from?: number;
  /** Whether a line is a delimiter of an enclosing multipart; none is if left out. */
  readonly isDelimiter?: (start: number, end: number) => boolean;
}

/** The fields of some names of a header; their values are decoded on request. */
export class Header {
  readonly #bytes: Uint8Array;
  readonly #fields: Map<string, FieldSpan[]> = new Map();
  /** Where the body begins. */
  readonly bodyStart: number;

  /** Reads a header of a mail or a part: the fields with the given names, in lower case. */
  constructor(
    bytes: Uint8Array,
    names: readonly string[],
    { from = 0, isDelimiter = () => false }: HeaderOptions = {},
  ) {
    this.#bytes = bytes;
    this.bodyStart = scanFields(bytes, from, {
      visit: (field) => {
        const name = names.find((name) => hasName(bytes, field, name));
        if (name === undefined) return false;
        const fields = this.#fields.get(name);
        if (fields === undefined) this.#fields.set(name, [field]);
        else if (fields.length < maxFields) fields.push(field);
        return false;
      },
      isDelimiter,
    });
  }

  /** The value of the first field of a name, unfolded, bytes as characters; "" if there is none. */
  first(name: string): string {
    const [field] = this.#fields.get(name) ?? [];
    return field === undefined ? "" : unfold(this.#bytes, field);
  }

  /** The values of all fields of a name, unfolded, bytes as characters. */
  all(name: string): string[] {
    return (this.#fields.get(name) ?? []).map((field) => unfold(this.#bytes, field));
  }
}

/** A field's value in one line; encoded words stay encoded. */
function unfold(bytes: Uint8Array, { valueStart, end }: FieldSpan): string {
  let cut = Math.min(end, valueStart + maxFieldSize);
  // Not within a character of UTF-8.
  if (cut < end) { for (let back = 0; back < 3 && (bytes[cut] & 0xc0) === 0x80; back++) cut--; }
  const text = toByteText(bytes.subarray(valueStart, cut));
  return trimAscii(text.includes("\n") ? text.replaceAll(/\r?\n/g, "") : text);
}

/** How many bytes are searched to detect the line ends. */
const lineEndWindow = 262_144;

/**
 * A mail's bytes, or its header's. If its lines end with lone carriage returns, as on old Macs, returns
 * a copy with line feeds instead.
 */
export function withLineFeeds(bytes: Uint8Array): Uint8Array {
  const start = bytes.subarray(0, lineEndWindow);
  if (!start.includes(carriageReturn) || start.includes(lineFeed)) return bytes;
  const copy = bytes.map((byte) => byte === carriageReturn ? lineFeed : byte);
  return fieldAt(copy, 0, copy.indexOf(lineFeed)) === undefined ? bytes : copy;
}
