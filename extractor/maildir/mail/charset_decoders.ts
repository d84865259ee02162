/**
 * Decoders of charsets that report whether bytes are valid.
 *
 * @module
 */

import { decodeUtf8, decodeUtf8Strictly } from "@dovewire/dovewire/core";
import { toByteText } from "./byte_text.ts";
import { decodeUtf7 } from "./utf7.ts";

/** Decodes bytes that are valid in a charset; returns `undefined` for others. */
export type StrictDecoder = (bytes: Uint8Array) => string | undefined;

/** A known charset. */
export interface Charset {
  /** Whether a text may end in another state than it began in, so that texts can't be joined. */
  readonly isStateful: boolean;
  /** Decodes valid bytes. */
  readonly strictly: StrictDecoder;
  /** Decodes bytes that are valid neither in it nor in UTF-8. */
  readonly leniently: (bytes: Uint8Array) => string;
}

/** Decodes UTF-8 that may be cut off within its last character; returns `undefined` for other bytes. */
export function validUtf8(bytes: Uint8Array): string | undefined {
  const text = decodeUtf8(bytes);
  if (!text.includes("\ufffd")) return withoutMark(text);
  const paired = withoutSurrogates(bytes);
  if (paired !== undefined) return validUtf8(paired);
  const first = text.indexOf("\ufffd");
  // Only an invalid character at the very end may be one that is cut off.
  if (first < text.length - 1) return strictUtf8(bytes, text);
  let start = bytes.length - 1;
  while (start > 0 && start > bytes.length - 4 && (bytes[start] & 0xc0) === 0x80) start--;
  if (bytes[start] < 0xc2 || bytes[start] > 0xf4) return undefined;
  // One byte after plain ASCII is more likely a letter of windows-1252.
  const isLetter = start === bytes.length - 1 && first === start;
  return isLetter ? undefined : withoutMark(text);
}

/** Decodes UTF-8 with encoded surrogates (CESU-8); lone ones become U+FFFD; `undefined` if it has none. */
function withoutSurrogates(bytes: Uint8Array): Uint8Array | undefined {
  if (!bytes.some((_, at) => surrogateAt(bytes, at) !== undefined)) return undefined;
  const joined = new Uint8Array(bytes.length);
  let size = 0;
  for (let at = 0; at < bytes.length;) {
    const unit = surrogateAt(bytes, at);
    if (unit === undefined) {
      joined[size++] = bytes[at++];
      continue;
    }
    const low = surrogateAt(bytes, at + 3);
    const isPair = unit < 0xdc00 && low !== undefined && low >= 0xdc00;
    const text = isPair ? String.fromCharCode(unit, low) : "\ufffd";
    const { written } = encoder.encodeInto(text, joined.subarray(size));
    size += written;
    at += isPair ? 6 : 3;
  }
  return joined.subarray(0, size);
}

/** The surrogate that three bytes encode; `undefined` for others. */
function surrogateAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at] !== 0xed || (bytes[at + 1] & 0xe0) !== 0xa0 || (bytes[at + 2] & 0xc0) !== 0x80) {
    return undefined;
  }
  return 0xd000 | (bytes[at + 1] & 0x3f) << 6 | bytes[at + 2] & 0x3f;
}

const encoder = new TextEncoder();

/** The text if the bytes are UTF-8, which may contain U+FFFD itself. */
function strictUtf8(bytes: Uint8Array, text: string): string | undefined {
  if (!text.includes("\ufffd")) return withoutMark(text);
  // A failing decoder takes some hundred times longer than that.
  if (!toByteText(bytes).includes("\xef\xbf\xbd")) return undefined;
  const strict = decodeUtf8Strictly(bytes);
  return strict === undefined ? undefined : withoutMark(strict);
}

function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Characters of windows-1252 from 0x80 to 0x9F; the five unassigned bytes map to themselves. */
const windows1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

/** By a table: the `TextDecoder` of Node 20 decodes windows-1252 as ISO-8859-1. */
export const windows1252Text: (bytes: Uint8Array) => string = tableDecoder(windows1252);

const utf16Decoder = new TextDecoder("utf-16le", { ignoreBOM: true });

/** Decodes bytes that are characters of ASCII, of a table from 0x80 on, or of ISO-8859-1 after that. */
function tableDecoder(table: string): (bytes: Uint8Array) => string {
  const units = Uint16Array.from({ length: 256 }, (_, byte) => byte);
  for (let at = 0; at < table.length; at++) units[0x80 + at] = table.charCodeAt(at);
  return (bytes) => {
    const text = new Uint16Array(bytes.length);
    for (let at = 0; at < bytes.length; at++) text[at] = units[bytes[at]];
    return utf16Decoder.decode(text);
  };
}

/** The text of invalid bytes: windows-1252 unless `lenient` kept more characters than it lost. */
function mostlyValid(bytes: Uint8Array, lenient: string, { worth = 1 } = {}): string {
  let lost = 0;
  let kept = 0;
  for (let at = 0; at < lenient.length; at++) {
    const unit = lenient.charCodeAt(at);
    if (unit === 0xfffd || isPrivate(unit)) lost++;
    else if (unit > 0x7f) kept += worth;
  }
  return kept > lost ? lenient : windows1252Text(bytes);
}

/** Whether it is a private-use character, which multi-byte charsets return for unassigned bytes. */
function isPrivate(unit: number): boolean {
  return unit >= 0xe000 && unit < 0xf8ff;
}

export const utf8: Charset = {
  isStateful: false,
  strictly: (bytes) => strictUtf8(bytes, decodeUtf8(bytes)),
  // Other text is hardly ever valid UTF-8, not even one letter of it.
  leniently: (bytes) => mostlyValid(bytes, withoutMark(decodeUtf8(bytes)), { worth: 4 }),
};

/** Control characters are unlikely: such bytes may be UTF-8. */
export const latin1: Charset = {
  isStateful: false,
  strictly: (bytes) => isFree(bytes, 0x80, 0x9f) ? toByteText(bytes) : undefined,
  leniently: windows1252Text,
};

export const windowsLatin1: Charset = {
  isStateful: false,
  strictly: (bytes) =>
    bytes.some((byte) => byte >= 0x81 && windows1252[byte - 0x80]?.charCodeAt(0) === byte)
      ? undefined
      : windows1252Text(bytes),
  leniently: windows1252Text,
};

function isFree(bytes: Uint8Array, first: number, last: number): boolean {
  return !bytes.some((byte) => byte >= first && byte <= last);
}

export const utf7: Charset = { isStateful: true, strictly: decodeUtf7, leniently: windows1252Text };

/** UTF-16 in the byte order of its mark, or else the declared one, or the one that zero bytes suggest. */
export function utf16(declared: "le" | "be" | undefined): Charset {
  const labelOf = (bytes: Uint8Array): string => {
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
    if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
    if (declared !== undefined) return `utf-16${declared}`;
    let balance = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] === 0) balance += at % 2 === 0 ? 1 : -1;
    }
    return balance > 0 ? "utf-16be" : "utf-16le";
  };
  return {
    isStateful: true,
    strictly: (bytes) => {
      if (!bytes.includes(0) && isOfOneByteEach(bytes)) return undefined;
      return new TextDecoder(labelOf(bytes)).decode(bytes);
    },
    leniently: windows1252Text,
  };
}

/** Whether bytes without zeros aren't UTF-16, whatever was declared: they have line feeds, or words. */
function isOfOneByteEach(bytes: Uint8Array): boolean {
  if (bytes.includes(0x0a)) return true;
  const hasWords = bytes.length % 2 === 1 || bytes.includes(0x20);
  return hasWords && validUtf8(bytes) !== undefined;
}

/** UTF-32, which no runtime decodes. */
export function utf32(order: "le" | "be" | undefined): Charset {
  const decode = (bytes: Uint8Array): string | undefined => {
    if (bytes.length % 4 !== 0) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hasMark = bytes.length > 0 && view.getUint32(0, true) === 0xfeff;
    const isLittle = hasMark || order === "le";
    const pieces: string[] = [];
    for (let at = 0; at < bytes.length; at += 4) {
      const code = view.getUint32(at, isLittle);
      if (code > 0x10ffff) return undefined;
      if (at > 0 || code !== 0xfeff) pieces.push(String.fromCodePoint(code));
    }
    return pieces.join("");
  };
  return { isStateful: true, strictly: decode, leniently: windows1252Text };
}

/** A code page of DOS. */
export function codePage(characters: string): Charset {
  const decode = tableDecoder(characters);
  return {
    isStateful: false,
    strictly: (bytes) => {
      const text = decode(bytes);
      return text.includes("\ufffd") ? undefined : text;
    },
    leniently: (bytes) => mostlyValid(bytes, decode(bytes)),
  };
}

/** A charset that the runtime decodes; `undefined` if it doesn't. */
export function decoderCharset(label: string, isStateful = false): Charset | undefined {
  try {
    const decoder = new TextDecoder(label);
    return {
      isStateful,
      strictly: (bytes) => {
        const text = decoder.decode(bytes);
        return /[\ufffd\ue000-\uf8fe]/.test(text) ? undefined : text;
      },
      leniently: (bytes) => mostlyValid(bytes, decoder.decode(bytes)),
    };
  } catch {
    return undefined;
  }
}

/**
 * A 7-bit charset with another charset's bytes, without their eighth bit, between two signs: `from` and
 * `to`. `label` decodes the other.
 */
export function shifted(label: string, { from, to, header }: ShiftSigns): Charset | undefined {
  const inner = decoderCharset(label);
  if (inner === undefined) return undefined;
  const strictly: StrictDecoder = (bytes) => {
    if (bytes.some((byte) => byte > 0x7f)) return undefined;
    const text = toByteText(bytes).replaceAll(header, "");
    const unshifted = new Uint8Array(text.length);
    let size = 0;
    let isShifted = false;
    /** Whether the second byte of a character is to come. */
    let isHalf = false;
    for (let at = 0; at < text.length;) {
      const byte = text.charCodeAt(at);
      const isFrom = byte === from.charCodeAt(0) && text.startsWith(from, at);
      const isTo = isShifted && byte === to.charCodeAt(0) && text.startsWith(to, at);
      const isSign = isFrom || isTo;
      const isRaised = !isSign && isShifted && byte > 0x20;
      if (isHalf && !isRaised) return undefined;
      if (isSign) {
        isShifted = isFrom;
        at += isFrom ? from.length : to.length;
        continue;
      }
      if (isRaised) isHalf = !isHalf;
      unshifted[size++] = isRaised ? byte | 0x80 : byte;
      at++;
    }
    return isHalf ? undefined : inner.strictly(unshifted.subarray(0, size));
  };
  return { isStateful: true, strictly, leniently: windows1252Text };
}

/** What a text of {@linkcode shifted} has besides characters. */
export interface ShiftSigns {
  readonly from: string;
  readonly to: string;
  readonly header: string;
}
