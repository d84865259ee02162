/**
 * Bytes as strings, each character a byte (U+0000 to U+00FF), so that string functions can read fields
 * before their charset is known.
 *
 * @module
 */

const decoder = new TextDecoder("utf-16le", { ignoreBOM: true });

/** Bytes as a string. */
export function toByteText(bytes: Uint8Array): string {
  // For few bytes this takes a fifth of the time.
  if (bytes.length < 32) return String.fromCharCode(...bytes);
  return decoder.decode(new Uint16Array(bytes));
}

/** The bytes of such a string. */
export function fromByteText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Whether all characters are ASCII. */
export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

/**
 * The text without spaces, tabs and other ASCII controls at its ends. `trim()` would also remove U+00A0,
 * which may be a part of a character here.
 */
export function trimAscii(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}
