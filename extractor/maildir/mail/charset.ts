/**
 * Bytes as text, whatever charset was declared for them: none, one that nobody knows, or a wrong one.
 *
 * @module
 */

import { utf8, validUtf8, windows1252Text } from "./charset_decoders.ts";
import { charsetOf } from "./charset_names.ts";

/**
 * Decodes bytes that a charset was declared for.
 *
 * A charset that isn't known counts as none. Where the bytes aren't valid in the charset they are UTF-8
 * if they are valid in that. Where they are valid in neither, they are windows-1252 if most characters
 * beyond ASCII would be lost, and else each invalid one becomes U+FFFD.
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

/** Decodes bytes that are valid in the charset that was declared; gives `undefined` for others. */
export function decodeTextStrictly(bytes: Uint8Array, declared: string): string | undefined {
  return (charsetOf(declared) ?? utf8).strictly(bytes);
}

/** Whether texts of a charset can't be joined before they are decoded. */
export function isStateful(declared: string): boolean {
  return charsetOf(declared)?.isStateful ?? false;
}

/** Decodes bytes that no charset was declared for: UTF-8, or windows-1252 if they aren't that. */
export function decodeUndeclared(bytes: Uint8Array): string {
  return validUtf8(bytes) ?? windows1252Text(bytes);
}
