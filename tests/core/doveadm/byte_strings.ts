/**
 * Bytes as strings of one character for each byte, and the escapes of the protocol in them.
 *
 * @module
 */

import { Buffer } from "node:buffer";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
export const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** Bytes as a string, one character per byte. */
export function fromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** The bytes of a string with one character per byte. */
export function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The text that bytes are in UTF-8; what isn't becomes U+FFFD. */
export function utf8(bytes: string): string {
  return decoder.decode(toBytes(bytes));
}

/** Whether bytes are UTF-8. */
export function isUtf8(bytes: string): boolean {
  return fromUtf8(utf8(bytes)) === bytes;
}

/** The UTF-8 bytes of a text. */
export function fromUtf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

const escapes: Readonly<Record<string, string>> = {
  0: "\0",
  1: "\x01",
  t: "\t",
  r: "\r",
  n: "\n",
};

/** A field without its escapes. */
export function unescape(field: string): string {
  // deno-lint-ignore no-control-regex -- \x01 is the protocol's escape character
  return field.replaceAll(/\x01(.?)/gs, (_, escaped) => escapes[escaped] ?? escaped);
}

/** A field with its escapes. */
export function escape(text: string): string {
  return Array.from(text, (byte) => {
    const letter = Object.keys(escapes).find((letter) => escapes[letter] === byte);
    return letter === undefined ? byte : `\x01${letter}`;
  }).join("");
}
