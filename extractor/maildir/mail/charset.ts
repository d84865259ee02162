/**
 * Bytes as text, whatever charset was declared: none, an unknown one, or a wrong one.
 *
 * @module
 */

import { utf8, validUtf8, windows1252Text } from "./charset_decoders.ts";
import { charsetOf } from "./charset_names.ts";

/**
 * Decodes bytes with a declared charset.
 *
 * An unknown charset counts as none. Bytes that are invalid in the charset are read as UTF-8 if that is
 * valid. If neither is valid, they are windows-1252 if most characters beyond ASCII would be lost;
 * otherwise each invalid one becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { decodeText } from "./charset.ts";
 * import assert from "node:assert/strict";
 *
 * const utf8 = new TextEncoder().encode("Grüße");
 * assert.equal(decodeText(utf8, "x-unknown"), "Grüße");
 * assert.equal(decodeText(Uint8Array.of(0x47, 0x72, 0xfc, 0xdf, 0x65), "utf-8"), "Grüße");
 * ```
 */
export function decodeText(bytes: Uint8Array, declared: string): string {
  const charset = charsetOf(declared);
  if (charset === undefined) return decodeUndeclared(bytes);
  return charset.strictly(bytes) ?? validUtf8(bytes) ?? charset.leniently(bytes);
}

/** Decodes bytes that are valid in the declared charset; returns `undefined` for others. */
export function decodeTextStrictly(bytes: Uint8Array, declared: string): string | undefined {
  return (charsetOf(declared) ?? utf8).strictly(bytes);
}

/** Whether texts of a charset must be decoded separately before they are joined. */
export function isStateful(declared: string): boolean {
  return charsetOf(declared)?.isStateful ?? false;
}

/** Decodes bytes without a declared charset: UTF-8, or windows-1252 if they aren't valid UTF-8. */
export function decodeUndeclared(bytes: Uint8Array): string {
  return validUtf8(bytes) ?? windows1252Text(bytes);
}
