/**
 * The text of messages and their parts: transfer encodings, charsets and encoded words decoded.
 *
 * @module
 */

import { fromByteString, toByteString } from "../../core/byte_string.ts";
import { charsetText, decodeEncodedWords, utf8Text } from "./encoded_words.ts";
import type { HeaderField } from "./headers.ts";
import type { Message } from "./message.ts";
import type { MessagePart } from "./mime.ts";
import { decodeBody, transferEncodingOf } from "./transfer_encoding.ts";

/** The text of a part's body; one in an unknown encoding has none. */
export function partText({ bytes }: Message, part: MessagePart): string {
  const body = bytes.subarray(part.bodyStart, part.end);
  const decoded = decodeBody(body, transferEncodingOf(part.fields)).bytes;
  const parameter = part.contentType?.parameters.find(({ name }) => {
    return name.toLowerCase() === "charset";
  });
  const charset = parameter?.value ?? "utf-8";
  return charsetText(isTakenForUtf8(charset) ? withoutCutCharacter(decoded) : decoded, charset);
}

function isTakenForUtf8(charset: string): boolean {
  // An empty name means the charset of the server's locale, which isn't UTF-8.
  if (charset === "") return false;
  if (/^(us-ascii|ascii)$/i.test(charset)) return true;
  try {
    return new TextDecoder(charset).encoding === "utf-8";
  } catch {
    return true;
  }
}

/** UTF-8 without an incomplete character at its end. */
function withoutCutCharacter(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length) {
    // A byte's leading ones are the character's length, but 10xxxxxx and 1111111x begin none.
    const ones = Math.clz32(~bytes[at] << 24);
    const length = ones >= 2 && ones <= 6 ? ones : 1;
    if (at + length > bytes.length) break;
    at += length;
  }
  return bytes.subarray(0, at);
}

/**
 * The text of a message: the header of each part, a line for each field, with an empty line after it, and
 * the text of those parts that have no other parts in them.
 */
export function messageText(message: Message): string {
  return textOf(message, message.root);
}

function textOf(message: Message, part: MessagePart): string {
  return part.fields.map(fieldText).join("") +
    (hasEmptyLine(message, part) ? "\n" : "") +
    (part.children.length === 0 && part.kind !== "multipart"
      ? partText(message, part)
      : part.children.map((child) => textOf(message, child)).join(""));
}

/** Whether an empty line ends a part's header, even if the line end belongs to a boundary. */
function hasEmptyLine({ bytes }: Message, { fields, start, bodyStart }: MessagePart): boolean {
  const end = fields.at(-1)?.end ?? start;
  return end <= bodyStart && /^\r?\n/.test(toByteString(bytes.subarray(end, end + 2)));
}

function fieldText({ bytes, name }: HeaderField): string {
  const [first, ...others] = toByteString(bytes).replace(/\r?\n$/, "").split(/\r?\n/);
  const rest = others.map((line) => line.replace(/^\t/, " ")).join("");
  if (name === "") return `${decodeEncodedWords(first + rest)}\n`;
  const value = first.slice(first.indexOf(":") + 1).replace(/^[ \t]/, "");
  return `${utf8Text(fromByteString(name))}: ${decodeEncodedWords(value + rest)}\n`;
}
