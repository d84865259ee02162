/**
 * UTF-7 (RFC 2152), which old programs use in mails.
 *
 * @module
 */

const plus = 0x2b;
const minus = 0x2d;
const noDigit = 64;

const digitValues: Uint8Array = new Uint8Array(256).fill(noDigit);
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
for (let value = 0; value < digits.length; value++) digitValues[digits.charCodeAt(value)] = value;

/**
 * Decodes UTF-7; returns `undefined` for bytes that aren't 7-bit.
 *
 * A "+" that begins no character, as in "1 + 1" or "C++", is kept. A character that is cut off becomes
 * U+FFFD, and so does a lone surrogate.
 *
 * @example
 * ```ts
 * import { decodeUtf7 } from "./utf7.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(decodeUtf7(new TextEncoder().encode("Gr+APwA3w-e, 1 +- 1")), "Grüße, 1 + 1");
 * ```
 */
export function decodeUtf7(bytes: Uint8Array): string | undefined {
  if (bytes.some((byte) => byte > 0x7f)) return undefined;
  // No character takes less than a byte.
  const units = new Uint16Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== plus) {
      units[count++] = bytes[at];
      continue;
    }
    let end = at + 1;
    while (digitValues[bytes[end]] < noDigit) end++;
    // A character takes 16 bits, of which a digit has 6.
    if (end - at <= 3 && !(end === at + 1 && bytes[end] === minus)) {
      units[count++] = plus;
      continue;
    }
    if (end === at + 1) units[count++] = plus;
    else count = decodeShifted(bytes.subarray(at + 1, end), units, count);
    at = bytes[end] === minus ? end : end - 1;
  }
  return utf16Decoder.decode(units.subarray(0, count));
}

/** Writes the characters of a shifted sequence, its digits; returns the new number of units. */
function decodeShifted(sequence: Uint8Array, units: Uint16Array, count: number): number {
  let bits = 0;
  let size = 0;
  for (const digit of sequence) {
    bits = (bits << 6 | digitValues[digit]) & 0x3fffff;
    size += 6;
    if (size < 16) continue;
    size -= 16;
    units[count++] = bits >> size;
  }
  if (size >= 6) units[count++] = 0xfffd;
  return count;
}

const utf16Decoder = new TextDecoder("utf-16le", { ignoreBOM: true });
