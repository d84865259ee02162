/**
 * The texts of a mail for searches: decoded, and without differences of case.
 *
 * @module
 */

import { type MailAddress, parseEnvelopeAddresses } from "../dovecot_message/addresses.ts";
import { fromByteString } from "../../core/byte_string.ts";
import { parseContentType } from "../dovecot_message/content_type.ts";
import { mapEncodedWords, utf8Text } from "../dovecot_message/encoded_words.ts";
import type { HeaderField } from "../dovecot_message/headers.ts";
import type { Message } from "../dovecot_message/message.ts";
import type { MessagePart } from "../dovecot_message/mime.ts";
import { partText } from "../dovecot_message/part_text.ts";
import type { FieldUse } from "./query.ts";

/**
 * A text for comparison: each character in title case, decomposed by one step if possible. So "é" is "E"
 * and an accent, and a search for "cafe" finds "café", but not the other way round.
 */
export function normalise(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text.toUpperCase();
  return Array.from(text, normaliseCharacter).join("");
}

const normalised = new Map<string, string>();

function normaliseCharacter(character: string): string {
  const known = normalised.get(character);
  if (known !== undefined) return known;
  const upper = character.toUpperCase();
  // Characters with several uppercase characters, like "ß", have no title case of their own.
  const title = Array.from(upper).length === 1 ? upper : character;
  const parts = takenApart(title);
  // There are some 150,000 characters, and few are used.
  if (normalised.size > 10_000) normalised.clear();
  normalised.set(character, parts);
  return parts;
}

/** A character decomposed by one step: "Ǘ" is "Ü" and an accent, and not yet "U" and two. */
function takenApart(character: string): string {
  const parts = Array.from(character.normalize("NFD"));
  if (parts.length === 1) return parts[0] === character ? character.normalize("NFKD") : parts[0];
  const isHangul = character >= "\uac00" && character <= "\ud7a3";
  if (parts.length === 2 || isHangul) return parts.join("");
  const last = parts.pop()!;
  return parts.join("").normalize("NFC") + last;
}

/** The texts of one mail, each created on first use. */
export class MailTexts {
  readonly #message: Message;
  #bodies: readonly string[] | undefined;
  #texts: readonly string[] | undefined;

  /** Takes a mail's message. */
  constructor(message: Message) {
    this.#message = message;
  }

  /** Whether a field of a name contains a text; for an empty text, whether there is such a field. */
  headerHas(name: string, text: string, use: FieldUse): boolean {
    const fields = this.#message.fieldsNamed(name);
    if (text === "") return fields.length > 0;
    // A text longer than a field continues in the next field of that name.
    const values = fields.map((field) => `${fieldText(field, use)}\r\n`);
    return values.join("").includes(normalise(text));
  }

  /** Whether a text part contains a text. */
  bodyHas(text: string): boolean {
    const message = this.#message;
    this.#bodies ??= allParts(message.root).map((part) => bodyText(message, part));
    return someHas(this.#bodies, text);
  }

  /** Whether a part contains a text in its header or, if it is a text part, in its body. */
  has(text: string): boolean {
    const message = this.#message;
    this.#texts ??= allParts(message.root).map((part) => {
      return headerText(part) + bodyText(message, part);
    });
    return someHas(this.#texts, text);
  }
}

function someHas(texts: readonly string[], text: string): boolean {
  const wanted = normalise(text);
  return wanted === "" || texts.some((some) => some.includes(wanted));
}

function fieldText(field: HeaderField, use: FieldUse): string {
  const value = field.spacedValue;
  switch (use) {
    case "text":
      return mapEncodedWords(value, normalise);
    case "spaced":
      return mapEncodedWords(value.replaceAll(/[ \t]+/g, " ").replace(/^ /, ""), normalise);
    case "addresses":
      return mapEncodedWords(writeAddresses(parseEnvelopeAddresses(value)), normalise);
  }
}

function headerText({ fields, bodyStart, start }: MessagePart): string {
  const lines = fields.map((field) => {
    const name = normalise(utf8Text(fromByteString(field.name)));
    const lineEnd = field.bytes.at(-1) === 0x0a ? "\r\n" : "";
    return name + field.middle + mapEncodedWords(field.spacedValue, normalise) + lineEnd;
  });
  const isEnded = bodyStart > (fields.at(-1)?.end ?? start);
  return lines.join("") + (isEnded ? "\r\n" : "");
}

/** A part and all its descendants. */
function allParts(part: MessagePart): MessagePart[] {
  return [part, ...part.children.flatMap(allParts)];
}

/** Whether the body of a part is searched. */
function isText({ kind, fields }: MessagePart): boolean {
  if (kind === "multipart" || kind === "message") return false;
  const field = fields.findLast(({ name }) => name.toLowerCase() === "content-type");
  if (field === undefined) return true;
  const { type, subtype } = parseContentType(field.value);
  return /^(text|message)$/i.test(type) && subtype !== "";
}

function bodyText(message: Message, part: MessagePart): string {
  return isText(part) ? normalise(partText(message, part)) : "";
}

/** Characters that need quotation marks, and a backslash within them. */
const notInAtoms = /[^!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~\x80-\xff]/;
const notInLocalParts = /[^!#$%&'*+\-./0-9=?A-Z^_`a-z{|}~\x80-\xff]/;

/** An address list as it is written, a byte string. */
function writeAddresses(addresses: readonly MailAddress[]): string {
  let text = "";
  let separator = "";
  let isInGroup = false;
  for (const { name, route, mailbox, domain } of addresses) {
    if (domain === undefined) {
      if (isInGroup) {
        text += ";";
        separator = ", ";
      } else {
        text += `${separator}${mailbox === "" ? '""' : quotedName(mailbox ?? "")}:`;
        separator = " ";
      }
      isInGroup = !isInGroup;
      continue;
    }
    text += separator + (name === undefined ? "" : quotedName(name));
    separator = ", ";
    if (route === undefined && mailbox === "" && domain === "") continue;
    const path = route === undefined ? "" : `${route}:`;
    const localPart = mailbox === "" ? '""' : quoted(mailbox ?? "", notInLocalParts);
    text += `${name ? " " : ""}<${path}${localPart}${domain === "" ? "" : `@${domain}`}>`;
  }
  return text;
}

/** A name, in quotation marks if it needs them; encoded words aren't allowed there. */
function quotedName(name: string): string {
  return name.includes("=?") ? name : quoted(name, notInAtoms);
}

function quoted(text: string, special: RegExp): string {
  return special.test(text) ? `"${text.replaceAll(/["'\\]/g, "\\$&")}"` : text;
}
