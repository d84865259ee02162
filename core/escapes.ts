/**
 * Decodes the escapes of JSON, URLs and HTML.
 *
 * @module
 */

import { decodeUtf8 } from "./bytes.ts";

const escapes = new RegExp(
  [
    // JSON, JavaScript and our own messages.
    String.raw`\\u[0-9a-f]{4}`,
    String.raw`\\x[0-9a-f]{2}`,
    String.raw`\\["'\\/bfnrt]`,
    // URLs: a run of bytes, which together are UTF-8.
    String.raw`(?:%[0-9a-f]{2})+`,
    // HTML; a code point has at most seven digits.
    String.raw`&#x[0-9a-f]{1,6};`,
    String.raw`&#[0-9]{1,7};`,
    String.raw`&(?:amp|lt|gt|quot|apos);`,
  ].join("|"),
  "gi",
);

const named: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "\\b": "\b",
  "\\f": "\f",
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t",
};

/** A text with its escapes decoded; invalid ones stay. */
export function decodeEscapes(text: string): string {
  return text.replace(escapes, (escape) => {
    if (escape[0] === "%") return decodePercent(escape);
    const name = escape.toLowerCase();
    if (Object.hasOwn(named, name)) return named[name];
    const code = /^&#(?:x([0-9a-f]+)|([0-9]+));$|^\\[ux]([0-9a-f]+)$/.exec(name);
    // A backslash and the character itself.
    if (code === null) return escape.slice(1);
    const [, hex, decimal, short] = code;
    const point = decimal === undefined ? parseInt(hex ?? short, 16) : Number(decimal);
    return point <= 0x10ffff ? String.fromCodePoint(point) : escape;
  });
}

function decodePercent(escape: string): string {
  const bytes = escape.slice(1).split("%").map((hex) => parseInt(hex, 16));
  return decodeUtf8(Uint8Array.from(bytes));
}
