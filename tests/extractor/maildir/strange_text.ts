/**
 * What strange mails are written with.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A mail from a string whose characters are bytes. */
export interface MailText {
  readonly name: string;
  readonly text: string;
  readonly subject?: string;
  readonly leaves?: readonly string[];
}

export function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The UTF-8 bytes of a text, as characters. */
export function utf8(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** Base64 of a string of bytes, in lines. */
export function base64(bytes: string): string {
  return btoa(bytes).replace(/.{76}/g, "$&\r\n");
}

/** All 256 bytes. */
export const allBytes: string = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
  .join(
    "",
  );

export const text = "Content-Type: text/plain\r\n\r\n";

export function multipart(boundary: string, parts: readonly string[], type = "mixed"): string {
  const start = `Content-Type: multipart/${type}; boundary="${boundary}"\r\n\r\n`;
  return start + parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("") +
    `--${boundary}--\r\n`;
}
