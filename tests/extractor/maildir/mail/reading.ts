/**
 * Reads mails in tests, from strings whose characters are bytes.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import {
  type MimePartInit,
  type ParsedMail,
  parseMail,
} from "../../../../extractor/maildir/mail/mail.ts";

/** A mail from a string whose characters are bytes. */
export function mail(text: string): ParsedMail {
  return parseMail(bytes(text));
}

/** The bytes of such a string. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The UTF-8 bytes of a text, as characters. */
export function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** A mail's leaf parts: their texts, or type, name and bytes. */
export function contents(parsed: ParsedMail): string[] {
  return [...leaves(parsed.body)].map((part) => {
    const { content, contentType, filename, path = "" } = part;
    if (content?.case === "text") return content.value ?? "";
    const data = Buffer.from(parsed.part(path)!.data).toString("latin1");
    return `${contentType} ${filename}: ${data}`;
  });
}

function* leaves(part: MimePartInit): Generator<MimePartInit> {
  const { content } = part;
  if (content?.case === "multipart") {
    for (const child of content.value.parts ?? []) yield* leaves(child as MimePartInit);
  } else if (content?.case === "mail") yield* leaves(content.value.body as MimePartInit);
  else yield part;
}
