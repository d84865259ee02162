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
 * The type in a Content-Type, in lower case without parameters, or `fallback` if it has none.
 *
 * A doubled type counts once, as in "multipart/multipart/mixed". A type that begins with "multipart" and has
 * a boundary is a multipart, since its parts would be shown as source otherwise; it is "multipart/mixed" if
 * the rest is invalid, as unknown multiparts are (RFC 2046, 5.1.3).
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

/** Boundaries have at most 70 characters (RFC 2046, 5.1.1); some programs write longer ones. */
const maxBoundaryLength = 512;

/** A boundary, which separates the parts of a multipart. */
export interface Boundary {
  /** The boundary without trailing blanks, which delimiters may lose or get in transit; bytes as characters. */
  readonly text: string;
  /** Whether it has trailing blanks: then delimiters have them too, before the "--" of the last one. */
  readonly endsInBlank: boolean;
}

/** The boundary that a Content-Type declares; `undefined` if it is missing or too long. */
export function boundaryOf(field: StructuredField): Boundary | undefined {
  const declared = field.parameter("boundary");
  let end = declared.length;
  while (end > 0 && declared.charCodeAt(end - 1) <= 0x20) end--;
  if (end === 0 || end > maxBoundaryLength) return undefined;
  return { text: declared.slice(0, end), endsInBlank: end < declared.length };
}

/** A line that may be a delimiter. */
export interface DelimiterLine {
  /** The text after the two dashes, without trailing blanks. */
  readonly text: string;
  /** The text before two more dashes at its end; `undefined` if there are none. */
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
  // There may be blanks before the last dashes as well.
  if (end - start < 3 || end - start > 2 * maxBoundaryLength) return undefined;
  const text = toByteText(bytes.subarray(start + 2, end));
  return { text, ended: text.endsWith("--") ? text.slice(0, -2) : undefined };
}

/** Whether a line ends a multipart's last part. */
export function isEnd({ ended }: DelimiterLine, { text, endsInBlank }: Boundary): boolean {
  if (ended === undefined) return false;
  return ended === text || endsInBlank && trimAscii(`-${ended}`) === `-${text}`;
}
