/**
 * Decodes text in mails: encoded words in header fields (RFC 2047), base64, and charsets.
 *
 * @module
 */

import { fromByteString, toByteString } from "../../core/byte_string.ts";

/** Replaces a run of invalid bytes of any length. */
const replacement = "\ufffd";
const utf8Replacement = [0xef, 0xbf, 0xbd];

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of UTF-8 bytes; each run of invalid bytes becomes one U+FFFD. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return lenientUtf8.decode(bytes).replaceAll(/\ufffd+/g, replacement);
  }
}

/** The text of bytes in a charset; an unknown charset is read as UTF-8. */
export function charsetText(bytes: Uint8Array, charset: string): string {
  return knownCharsetText(bytes, charset) ?? utf8Text(bytes);
}

/** Whether a charset is UTF-8, or a subset of it. */
function isUtf8(charset: string): boolean {
  return /^(us-ascii|ascii|utf-?8)$/i.test(charset);
}

/** The text of bytes in a charset; `undefined` for an unknown charset. */
function knownCharsetText(bytes: Uint8Array, charset: string): string | undefined {
  if (isUtf8(charset)) return utf8Text(bytes);
  const name = charset.toLowerCase();
  // TextDecoder reads these two as windows-1252, which has other characters at 0x80 to 0x9f.
  if (/^(iso-?8859-1|iso_8859-1|latin1)$/.test(name)) {
    return toByteString(bytes);
  }
  try {
    return new TextDecoder(name).decode(bytes).replaceAll(/\ufffd+/g, replacement);
  } catch {
    return undefined;
  }
}

/**
 * The text of a field's value, a byte string on one line: its encoded words are decoded, and white space
 * between two of them is removed. The rest, and words in an unknown charset, are read as UTF-8.
 */
export function decodeEncodedWords(value: string): string {
  return mapEncodedWords(value, (text) => text);
}

/** Like {@linkcode decodeEncodedWords}, but passes text through `use`, except words in unknown charsets. */
export function mapEncodedWords(value: string, use: (text: string) => string): string {
  let text = "";
  // The last piece, since looking at the end of a text that grows takes time in proportion to its length.
  let last = "";
  const add = (part: string) => {
    if (part === "") return;
    text += part;
    last = part;
  };
  const addUtf8 = (bytes: Uint8Array, map = use) => {
    const part = map(utf8Text(bytes));
    // A run of invalid bytes is one U+FFFD even across the border of two pieces.
    const isSplit = last.endsWith(replacement) && part.startsWith(replacement) &&
      !utf8Replacement.every((byte, at) => bytes[at] === byte);
    add(isSplit ? part.slice(replacement.length) : part);
  };
  let start = 0;
  let at = value.indexOf("=?");
  while (at !== -1) {
    const between = value.slice(start, at);
    if (/[^ \t\r\n]/.test(between)) addUtf8(fromByteString(between));
    const word = encodedWord(value, at + 2);
    start = word === undefined ? at : word.end;
    if (word !== undefined) {
      const { bytes, charset } = word;
      const decoded = isUtf8(charset) ? undefined : knownCharsetText(bytes, charset);
      if (decoded !== undefined) add(use(decoded));
      else addUtf8(bytes, isUtf8(charset) ? use : (unknown) => unknown);
    }
    at = value.indexOf("=?", word === undefined ? at + 2 : start);
  }
  addUtf8(fromByteString(value.slice(start)));
  return text;
}

/** An encoded word. */
interface EncodedWord {
  readonly charset: string;
  /** The decoded text. */
  readonly bytes: Uint8Array;
  /** Where it ends in the value. */
  readonly end: number;
}

/** The encoded word whose charset begins at `start`. */
function encodedWord(value: string, start: number): EncodedWord | undefined {
  const first = value.indexOf("?", start);
  const second = first === -1 ? -1 : value.indexOf("?", first + 1);
  const third = second === -1 ? -1 : value.indexOf("?", second + 1);
  if (third === -1 || value[third + 1] !== "=") return undefined;
  const encoding = value[first + 1].toLowerCase();
  if (encoding !== "q" && encoding !== "b") return undefined;
  const encoded = value.slice(second + 1, third);
  const bytes = encoding === "b" ? decodeBase64(fromByteString(encoded)) : fromByteString(
    encoded.replaceAll("_", " ").replaceAll(/=([0-9A-Fa-f]{2})/g, (_, digits) => {
      return String.fromCharCode(parseInt(digits, 16));
    }),
  );
  return { charset: value.slice(start, first), bytes, end: third + 2 };
}

/** Decodes base64 up to its padding or the first invalid character; ignores white space. */
export function decodeBase64(encoded: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(encoded.length * 3 / 4));
  let size = 0;
  let bits = 0;
  let count = 0;
  for (const byte of encoded) {
    const value = base64Values[byte];
    if (value === blank) continue;
    if (value === none) break;
    bits = (bits << 6 | value) & 0xffffff;
    count++;
    if (count % 4 !== 1) bytes[size++] = bits >> (6 - 2 * ((count - 1) % 4)) & 0xff;
  }
  return bytes.subarray(0, size);
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const none = 0xff;
const blank = 0xfe;
const base64Values = new Uint8Array(256).fill(none);
for (let value = 0; value < 64; value++) base64Values[letters.charCodeAt(value)] = value;
for (const byte of [0x09, 0x0a, 0x0d, 0x20]) base64Values[byte] = blank;
