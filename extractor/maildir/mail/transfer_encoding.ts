/**
 * Decodes transfer encodings (RFC 2045, 6). Accepts any bytes.
 *
 * @module
 */

/** A transfer encoding; "identity" for none or an unknown one. */
export type TransferEncoding = "identity" | "base64" | "quoted-printable";

/** The encoding in a Content-Transfer-Encoding, with or without comments, quotes or other text around it. */
export function transferEncodingOf(value: string): TransferEncoding {
  const found = /(base[-_ ]?64)|quoted[-_ ]?printable/i.exec(value.slice(0, 256));
  if (found === null) return "identity";
  return found[1] === undefined ? "quoted-printable" : "base64";
}

/** Decodes a content; without an encoding the bytes are returned as they are. */
export function decodeTransfer(bytes: Uint8Array, encoding: TransferEncoding): Uint8Array {
  switch (encoding) {
    case "identity":
      return bytes;
    case "base64":
      return decodeBase64(bytes);
    case "quoted-printable":
      return decodeQuotedPrintable(bytes);
  }
}

const noDigit = 64;
const padding = 65;

const base64Values: Uint8Array = new Uint8Array(256).fill(noDigit);
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
for (let value = 0; value < digits.length; value++) base64Values[digits.charCodeAt(value)] = value;
base64Values[0x3d] = padding;

/**
 * "=" ends a group, and more may follow; invalid characters are skipped, as RFC 2045 says. Lines after the
 * end that aren't base64 come from a mailing list, and aren't decoded.
 */
function decodeBase64(bytes: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(Math.ceil(bytes.length / 4) * 3);
  let size = 0;
  let bits = 0;
  let count = 0;
  let isEnded = false;
  /** How many bytes were decoded at the start of the last line, if that is after the end. */
  let added: number | undefined;
  for (let at = 0; at < bytes.length; at++) {
    const value = base64Values[bytes[at]];
    if (value < noDigit) {
      bits = bits << 6 | value;
      if (++count < 4) continue;
    } else if (value === padding) {
      isEnded = true;
      added = undefined;
      if (count === 0) continue;
    } else {
      if (bytes[at] === lineFeed && isEnded && count === 0) added = size;
      else if (added !== undefined && bytes[at] > 0x20) return decoded.subarray(0, added);
      continue;
    }
    size += writeGroup(decoded, size, bits, count);
    bits = count = 0;
  }
  size += writeGroup(decoded, size, bits, count);
  return decoded.subarray(0, size);
}

/** Writes the bytes of 2 to 4 digits; a single digit is no byte. Returns the number of bytes. */
function writeGroup(to: Uint8Array, at: number, bits: number, count: number): number {
  if (count < 2) return 0;
  const group = bits << (4 - count) * 6;
  to[at] = group >> 16;
  if (count > 2) to[at + 1] = group >> 8;
  if (count > 3) to[at + 2] = group;
  return count - 1;
}

const equals = 0x3d;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** A "=" without two digits or a line break after it is kept, and line breaks stay as they are. */
function decodeQuotedPrintable(bytes: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(bytes.length);
  let size = 0;
  /** The start of the blanks just decoded: trailing blanks aren't part of the text. */
  let blanks = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === lineFeed || byte === carriageReturn && bytes[at + 1] === lineFeed) {
      size = blanks;
      if (byte === carriageReturn) decoded[size++] = bytes[at++];
      decoded[size++] = lineFeed;
      blanks = size;
    } else if (byte !== equals) {
      decoded[size++] = byte;
      if (byte !== 0x20 && byte !== 0x09) blanks = size;
    } else {
      const value = hexValue(bytes[at + 1]) * 16 + hexValue(bytes[at + 2]);
      const next = value >= 0 ? at + 2 : endOfSoftBreak(bytes, at);
      if (next === at) decoded[size++] = equals;
      else if (value >= 0) decoded[size++] = value;
      blanks = size;
      at = next;
    }
  }
  return decoded.subarray(0, size);
}

/** The value of a digit; far below zero for another byte, so that no second digit makes up for it. */
function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1000;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1000;
}

/** How many blanks are skipped between a trailing "=" and the end of its line. */
const maxBlanks = 78;

/** The end of the line break that the "=" at `start` removes; `start` if it removes none. */
function endOfSoftBreak(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  const limit = at + maxBlanks;
  while (at < limit && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
  if (at === bytes.length) return at;
  if (bytes[at] === carriageReturn && bytes[at + 1] === lineFeed) return at + 1;
  return bytes[at] === lineFeed ? at : start;
}
