/**
 * Media types of parts, and the boundaries between the parts of a multipart (RFC 2046, 5.1).
 *
 * @module
 */

import { toByteText, trimAscii } from "./byte_text.ts";
import { decodeBytes } from "./encoded_words.ts";
import type { StructuredField } from "./structured_field.ts";
import { cleanText } from "./words.ts";

/**
 * The type that a Content-Type names, in lower case without parameters, or `fallback` where that is none.
 *
 * A type written twice is taken once, as in "multipart/multipart/mixed". What begins with "multipart" and
 * has a boundary is a multipart, since its parts would be shown as their source otherwise; it is
 * "multipart/mixed" where the rest can't be understood, which is how all unknown ones are shown (RFC 2046,
 * 5.1.3).
 */
export function mediaType(field: StructuredField, fallback: string): string {
  const names = field.value.split("/").filter((name) => name !== "");
  const isMultipart = names[0] === "multipart" && field.parameter("boundary") !== "";
  while (names.length > 2 && names[0] === names[1]) names.shift();
  const [type, subtype, ...others] = names;
  const isRepeated = others.every((name) => name === type || name === subtype);
  if (subtype !== undefined && (isRepeated || isMultipart)) {
    return cleanText(decodeBytes(`${type}/${subtype}`));
  }
  return isMultipart ? "multipart/mixed" : fallback;
}

/** No boundary is longer than 70 characters (RFC 2046, 5.1.1); some programs don't know. */
const maxBoundaryLength = 512;

/** What parts the parts of a multipart. */
export interface Boundary {
  /** It, without blanks at its end, which delimiters may lose or get on their way; bytes as characters. */
  readonly text: string;
  /** Whether it has such blanks: then they are in delimiters, too, ahead of the "--" of the last one. */
  readonly endsInBlank: boolean;
}

/** The boundary that a Content-Type declares; `undefined` for none, or one that is too long. */
export function boundaryOf(field: StructuredField): Boundary | undefined {
  const declared = field.parameter("boundary");
  let end = declared.length;
  while (end > 0 && declared.charCodeAt(end - 1) <= 0x20) end--;
  if (end === 0 || end > maxBoundaryLength) return undefined;
  return { text: declared.slice(0, end), endsInBlank: end < declared.length };
}

/** What a line may be the delimiter of. */
export interface DelimiterLine {
  /** What follows the two dashes, without blanks at its end. */
  readonly text: string;
  /** What is ahead of two more dashes at its end; `undefined` where there are none. */
  readonly ended: string | undefined;
}

/** Reads `bytes[start..end)`, a line without its end, as a delimiter; `undefined` if it can't be one. */
export function delimiterLine(
  bytes: Uint8Array,
  start: number,
  end: number,
): DelimiterLine | undefined {
  if (bytes[start] !== 0x2d || bytes[start + 1] !== 0x2d) return undefined;
  while (bytes[end - 1] === 0x20 || bytes[end - 1] === 0x09) end--;
  // Blanks may stand ahead of the last dashes as well.
  if (end - start < 3 || end - start > 2 * maxBoundaryLength) return undefined;
  const text = toByteText(bytes.subarray(start + 2, end));
  return { text, ended: text.endsWith("--") ? text.slice(0, -2) : undefined };
}

/** Whether a line ends a multipart's last part. */
export function isEnd({ ended }: DelimiterLine, { text, endsInBlank }: Boundary): boolean {
  if (ended === undefined) return false;
  return ended === text || endsInBlank && trimAscii(`-${ended}`) === `-${text}`;
}
