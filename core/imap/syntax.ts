/**
 * The characters of IMAP, and how strings are written.
 *
 * @module
 */

import { encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";

/** Characters that may not be in an atom, besides controls and 8-bit (RFC 9051, 9, `atom-specials`). */
const atomSpecials = '(){ %*"\\]';

/** What a byte may be part of, as bits; see the constants below. */
const kinds: Uint8Array = new Uint8Array(256);

/** A byte of a tag (RFC 9051, 9, `tag`). */
export const tagByte = 1;
/** A byte of a command's name. */
export const nameByte = 2;
/** A byte of an argument that is no string and no list, read generously: also `*`, `%`, `\` and `]`. */
export const argumentByte = 4;
/** A byte of a quoted string that stands for itself. */
export const quotedByte = 8;

for (let byte = 1; byte < 256; byte++) {
  const character = String.fromCharCode(byte);
  const isVisible = byte > 0x20 && byte < 0x7f;
  const isAtom = isVisible && !atomSpecials.includes(character);
  if ((isAtom || character === "]") && character !== "+") kinds[byte] |= tagByte;
  if (isAtom) kinds[byte] |= nameByte;
  if (isVisible && !'(){"'.includes(character)) kinds[byte] |= argumentByte;
  if (!'\r\n"\\'.includes(character)) kinds[byte] |= quotedByte;
}

/** Whether a byte is of a kind, such as {@linkcode tagByte}. */
export function isByte(byte: number, kind: number): boolean {
  return (kinds[byte] & kind) !== 0;
}

/** The first place in `bytes[start..end)` whose byte isn't of a kind; `end` if there is none. */
export function skipBytes(
  bytes: Uint8Array,
  { start, end, kind }: { readonly start: number; readonly end: number; readonly kind: number },
): number {
  let at = start;
  while (at < end && (kinds[bytes[at]] & kind) !== 0) at++;
  return at;
}

/** Whether a text may be a command's tag (RFC 9051, 9, `tag`). */
export function isTag(text: string): boolean {
  return isOf(text, tagByte);
}

/** Whether a text may be a command's name or a capability (RFC 9051, 9, `atom`). */
export function isAtom(text: string): boolean {
  return isOf(text, nameByte);
}

function isOf(text: string, kind: number): boolean {
  if (typeof text !== "string" || text === "") return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff || !isByte(code, kind)) return false;
  }
  return true;
}

/** A string as it is written: whole on its line, or as a literal. */
export type WrittenString =
  /** An atom or a quoted string. */
  | { readonly type: "text"; readonly bytes: Uint8Array }
  /** Bytes that only a literal can contain; the writer puts `{size}` and a line end before them. */
  | { readonly type: "literal"; readonly bytes: Uint8Array };

/**
 * A string in quotes (RFC 9051, 9, `quoted`); `undefined` for what only a literal can contain: CR, LF, NUL and
 * 8-bit.
 *
 * @example
 * ```ts
 * import { quoted } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.equal(quoted('a "b"'), '"a \\"b\\""');
 * assert.equal(quoted("Käse"), undefined);
 * ```
 */
export function quoted(text: string): string | undefined {
  // deno-lint-ignore no-control-regex -- these are the characters that can't be quoted
  if (/[\0\r\n]|[^\x01-\x7f]/.test(text)) return undefined;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Bytes in quotes, as {@linkcode quoted} writes a text; `undefined` for what only a literal can contain. */
export function quotedBytes(bytes: Uint8Array): string | undefined {
  return quoted(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/**
 * A text as an argument (RFC 9051, 9, `astring`): an atom if it can be one, else quoted, else a literal. The
 * atom `NIL` is quoted, since it means something else in other places. Throws a
 * {@linkcode LocalProtocolError} for a NUL, which no string may contain, and for half a surrogate pair.
 *
 * @example
 * ```ts
 * import { astring } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.equal(astring("alice").type, "text");
 * assert.equal(astring("Käse").type, "literal");
 * ```
 */
export function astring(text: string): WrittenString {
  if (text.includes("\0")) {
    throw new LocalProtocolError("An IMAP string can't contain a NUL. Leave it out.");
  }
  if (!text.isWellFormed()) {
    throw new LocalProtocolError(
      "An IMAP string can't contain half a surrogate pair, which UTF-8 can't carry. Check where the text was cut.",
    );
  }
  const isPlain = isAtom(text) && !/^NIL$/i.test(text);
  const written = isPlain ? text : quoted(text);
  return written === undefined
    ? { type: "literal", bytes: encodeUtf8(text) }
    : { type: "text", bytes: encodeUtf8(written) };
}
