/**
 * The escapes for TAB, LF, CR, NUL and \x01 in the fields of a line.
 *
 * `\x01` and one character stand for one byte: `0` NUL, `1` \x01, `t` TAB, `r` CR, `n` LF. Any other
 * character after a `\x01` stands for itself, and a single `\x01` at the end is dropped. Source: Dovecot's
 * src/lib/strescape.c.
 *
 * @module
 */

import { decodeUtf8 } from "../bytes.ts";
import { ControlSearch } from "./control_search.ts";

const SOH = 0x01;
const TAB = 0x09;
const LF = 0x0a;

const escapes: Readonly<Record<string, string>> = {
  "\0": "\x010",
  "\x01": "\x011",
  "\t": "\x01t",
  "\r": "\x01r",
  "\n": "\x01n",
};

/** The byte for each byte after a `\x01`. */
const unescaped = Uint8Array.from({ length: 256 }, (_, byte) => byte);
for (const [character, escape] of Object.entries(escapes)) {
  unescaped[escape.charCodeAt(1)] = character.charCodeAt(0);
}

/**
 * Escapes a text for a field of a line.
 *
 * @example
 * ```ts
 * import { tabEscape } from "@dovewire/dovewire/core/doveadm";
 * import assert from "node:assert/strict";
 *
 * assert.equal(tabEscape("a\tb\n"), "a\x01tb\x01n");
 * ```
 */
export function tabEscape(text: string): string {
  // deno-lint-ignore no-control-regex -- these are the characters that the protocol escapes
  return text.replace(/[\0\x01\t\r\n]/g, (character) => escapes[character]);
}

/** Whether a byte has to be escaped in a field. */
function isEscaped(byte: number): boolean {
  return byte <= 0x0d && (byte <= SOH || byte === TAB || byte === 0x0a || byte === 0x0d);
}

/** Escapes bytes for a field of a line; returns the same bytes if there is nothing to escape. */
export function tabEscapeBytes(bytes: Uint8Array): Uint8Array {
  let extra = 0;
  for (const byte of bytes) {
    if (isEscaped(byte)) extra++;
  }
  if (extra === 0) return bytes;
  const escaped = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (const byte of bytes) {
    if (isEscaped(byte)) {
      escaped[at++] = SOH;
      escaped[at++] = escapes[String.fromCharCode(byte)].charCodeAt(1);
    } else escaped[at++] = byte;
  }
  return escaped;
}

/** {@linkcode unescaped} for a UTF-16 unit. */
function unescapedUnit(unit: number): number {
  return unit < unescaped.length ? unescaped[unit] : unit;
}

/**
 * Unescapes a text: the reverse of {@linkcode tabEscape}.
 *
 * @example
 * ```ts
 * import { tabUnescape } from "@dovewire/dovewire/core/doveadm";
 * import assert from "node:assert/strict";
 *
 * assert.equal(tabUnescape("a\x01tb\x01"), "a\tb");
 * ```
 */
export function tabUnescape(text: string): string {
  if (!text.includes("\x01")) return text;
  return text.replace(
    // deno-lint-ignore no-control-regex -- \x01 is the protocol's escape character
    /\x01([^]?)/g,
    (_, escaped: string) =>
      escaped === "" ? "" : String.fromCharCode(unescapedUnit(escaped.charCodeAt(0))),
  );
}

/**
 * Unescapes bytes: the reverse of {@linkcode tabEscapeBytes}. Returns the same bytes, not a copy, if there
 * is no escape.
 */
export function tabUnescapeBytes(bytes: Uint8Array): Uint8Array {
  return bytes.indexOf(SOH) === -1 ? bytes : tabUnescapeInPlace(new Uint8Array(bytes));
}

/** As {@linkcode tabUnescapeBytes}, but moves the bytes within their buffer. */
function tabUnescapeInPlace(bytes: Uint8Array): Uint8Array {
  const place = new UnescapingInPlace(new ControlSearch(bytes), 0);
  while (place.run(bytes.length)) place.takeByte();
  return bytes.subarray(0, place.to);
}

/** From this length on, a run without escapes is moved by one call into the runtime. */
const longRun = 24;

/** How many bytes are moved in one call: JavaScriptCore is ten times as slow in a loop that runs very long once. */
const stepSize = 65_536;

/** Unescapes fields in place: moves their bytes within their buffer, so that no memory is needed for a copy. */
export class UnescapingInPlace {
  /** Where the bytes begin that weren't read yet. */
  from: number;
  /** Where the unescaped bytes end, and the next ones are moved to. */
  to: number;
  /** Whether the last byte was the start of an escape. */
  isEscaping: boolean;
  readonly #controls: ControlSearch;

  /** Begins at a position in the bytes that are searched; `isEscaping` if an escape was begun before it. */
  constructor(controls: ControlSearch, at: number, isEscaping: boolean = false) {
    this.#controls = controls;
    this.from = this.to = at;
    this.isEscaping = isEscaping;
  }

  /** Moves bytes up to a TAB or LF, at which it stops and returns `true`, or up to the end of a range. */
  run(end: number): boolean {
    while (this.from < end) if (this.#step(Math.min(end, this.from + stepSize))) return true;
    return false;
  }

  /** Takes bytes of which it is known that none has to be looked at, up to a position, before any was moved. */
  skipTo(at: number): void {
    if (this.isEscaping || at <= this.from) return;
    this.from = this.to = at;
  }

  /** Moves the next byte as it is. */
  takeByte(): void {
    const { bytes } = this.#controls;
    bytes[this.to++] = bytes[this.from++];
  }

  /** As {@linkcode run}, for a range that is not empty. */
  #step(end: number): boolean {
    const controls = this.#controls;
    const { bytes } = controls;
    let { from, to } = this;
    if (this.isEscaping) {
      this.isEscaping = false;
      if (!isEnd(bytes[from])) bytes[to++] = unescaped[bytes[from++]];
    }
    while (from < end) {
      const found = controls.next(from, end);
      if (to === from) from = to = found;
      else if (found - from >= longRun) {
        bytes.copyWithin(to, from, found);
        to += found - from;
        from = found;
      } else while (from < found) bytes[to++] = bytes[from++];
      if (from === end) break;
      const byte = bytes[from];
      if (isEnd(byte)) break;
      from++;
      if (byte !== SOH) bytes[to++] = byte;
      else if (from === end) this.isEscaping = true;
      else if (!isEnd(bytes[from])) bytes[to++] = unescaped[bytes[from++]];
    }
    this.from = from;
    this.to = to;
    return from < end;
  }
}

/** Whether a byte ends a field. */
function isEnd(byte: number): boolean {
  return byte === TAB || byte === LF;
}

/** Shared by all empty values, of which there may be one per byte: a separate array takes 100 bytes. */
const emptyValue = new Uint8Array(0);

/** Splits values that each end in a TAB and unescapes them in place. The bytes after the last TAB are a value as well. */
export function splitInPlace(bytes: Uint8Array): Uint8Array[] {
  const size = bytes.length;
  const place = new UnescapingInPlace(new ControlSearch(bytes), 0);
  const values: Uint8Array[] = [];
  const hasRest = size > 0 && bytes[size - 1] !== TAB;
  let start = 0;
  while (place.run(size)) {
    if (bytes[place.from] === TAB) {
      values.push(start === place.to ? emptyValue : bytes.subarray(start, place.to));
      start = place.to;
      place.from++;
    } else place.takeByte();
  }
  if (hasRest) values.push(bytes.subarray(start, place.to));
  return values;
}

/**
 * How many bytes are decoded at once, at most, if there are several values in them: a value that is kept may keep the
 * text alive that it was cut from.
 */
const textSize = 65_536;

/** The values that {@linkcode splitInPlace} returns, as texts; leaves the bytes as they are. */
export function splitText(bytes: Uint8Array): string[] {
  const { length } = bytes;
  const end = bytes[length - 1] === TAB ? length - 1 : length;
  if (end <= textSize) return length === 0 ? [] : decodeValues(bytes.subarray(0, end));
  const values: string[] = [];
  for (let at = 0; at <= end;) {
    const stop = endOfValues(bytes, at, end);
    for (const value of decodeValues(bytes.subarray(at, stop))) values.push(value);
    at = stop + 1;
  }
  return values;
}

/** The texts of whole values, escaped and each with a TAB after it: of many at once, or of a large one. */
export function* textsOf(bytes: Uint8Array): Generator<string, void, void> {
  for (let at = 0; at < bytes.length;) {
    const end = endOfValues(bytes, at, bytes.length - 1) + 1;
    yield decodeUtf8(bytes.subarray(at, end));
    at = end;
  }
}

/** Where the values end that are decoded together with the one at a position, or a large one alone. */
function endOfValues(bytes: Uint8Array, at: number, end: number): number {
  if (end - at <= textSize) return end;
  const last = bytes.subarray(at, at + textSize).lastIndexOf(TAB);
  if (last !== -1) return at + last;
  return indexOfControl(bytes, TAB, at + textSize, end);
}

/** The index of \x01, TAB or LF in a range, or its end. */
function indexOfControl(bytes: Uint8Array, control: number, start: number, end: number): number {
  const controls = new ControlSearch(bytes);
  let at = controls.next(start, end);
  while (at < end && bytes[at] !== control) at = controls.next(at + 1, end);
  return at;
}

/** The texts of bytes that have a TAB between each two values. */
function decodeValues(bytes: Uint8Array): string[] {
  const { length } = bytes;
  if (length <= textSize) return textValues(decodeUtf8(bytes));
  // A large value is unescaped as bytes, which takes less memory.
  const hasEscapes = indexOfControl(bytes, SOH, 0, length) < length;
  return [decodeUtf8(hasEscapes ? tabUnescapeInPlace(new Uint8Array(bytes)) : bytes)];
}

/** The values of a text that has a TAB between each two. */
export function textValues(text: string): string[] {
  const values = text.split("\t");
  return text.includes("\x01") ? values.map(tabUnescape) : values;
}

/**
 * Unescapes a value that arrives in pieces.
 *
 * @example
 * ```ts
 * import { TabUnescaper } from "@dovewire/dovewire/core/doveadm";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const unescaper = new TabUnescaper();
 * const text = decodeUtf8(unescaper.push(encodeUtf8("a\x01"))) +
 *   decodeUtf8(unescaper.push(encodeUtf8("tb")));
 * assert.equal(text, "a\tb");
 * ```
 */
export class TabUnescaper {
  #escaping = false;

  /** Unescapes the next piece; an incomplete escape is returned with the piece after it. */
  push(piece: Uint8Array): Uint8Array {
    if (!this.#escaping && piece.indexOf(SOH) === -1) return piece;
    if (piece.length === 0) return piece;
    const target = new Uint8Array(piece);
    const place = new UnescapingInPlace(new ControlSearch(target), 0, this.#escaping);
    while (place.run(target.length)) place.takeByte();
    this.#escaping = place.isEscaping;
    return target.subarray(0, place.to);
  }

  /** Ends the value: a single `\x01` at its end is dropped, and the next piece starts a new value. */
  end(): void {
    this.#escaping = false;
  }
}
