/**
 * IMAP's BODY and BODYSTRUCTURE (RFC 3501, 7.4.2), as Dovecot writes them.
 *
 * @module
 */

import {
  type ContentDisposition,
  type FieldParameter,
  parseContentDisposition,
  parseTransferEncoding,
} from "./content_type.ts";
import { envelope, valueOf, withoutNuls } from "./envelope.ts";
import type { HeaderField } from "./headers.ts";
import { imapLine, imapString } from "./imap_strings.ts";
import type { MessagePart } from "./mime.ts";
import { Rfc822Reader } from "./rfc822_reader.ts";

/** Which of the two to write: BODY, or BODYSTRUCTURE, which has more fields. */
export type StructureKind = "body" | "bodystructure";

/** Converts parameters to those that are written. */
export type WriteParameters = (
  parameters: readonly FieldParameter[],
) => readonly FieldParameter[];

/** How to write a structure. */
interface Style {
  readonly kind: StructureKind;
  readonly written: WriteParameters;
}

/** The charset of text that names none. */
const defaultCharset = '"charset" "us-ascii"';

/**
 * The structure of a part and all parts in it, a byte string without the parentheses around it. Parameters
 * are written as they are if `written` is left out.
 */
export function bodyStructure(
  part: MessagePart,
  kind: StructureKind,
  written: WriteParameters = (parameters) => parameters,
): string {
  return structureOf(part, { kind, written });
}

function structureOf(part: MessagePart, style: Style): string {
  // Without MIME-Version and Content-Type, no other field counts.
  const content = new ContentFields(part.isMime ? part.fields : [], style.written);
  return part.kind === "multipart"
    ? multipartStructure(part, content, style)
    : singleStructure(part, content, style);
}

function multipartStructure(
  part: MessagePart,
  content: ContentFields,
  { kind, written }: Style,
): string {
  const { subtype = "", parameters = [] } = part.contentType ?? {};
  const children = part.children.map((child) => `(${structureOf(child, { kind, written })})`)
    .join("");
  const nothing = kind === "body" ? "" : " NIL NIL NIL NIL";
  const parts = children || `("text" "plain" (${defaultCharset}) NIL NIL "7bit" 0 0${nothing})`;
  const body = `${parts} ${imapString(subtype)}`;
  if (kind === "body") return body;
  return `${body} ${parameterList(written(parameters))} ${content.common}`;
}

function singleStructure(
  part: MessagePart,
  content: ContentFields,
  { kind, written }: Style,
): string {
  const parameters = written(part.contentType?.parameters ?? []);
  const { virtual, lines } = part.bodySize;
  const isText = part.kind === "text";
  const items = [
    mediaType(part),
    isText ? textParameterList(parameters) : parameterList(parameters),
    content.line("id"),
    content.line("description"),
    content.transferEncoding,
    virtual,
  ];
  if (isText) items.push(lines);
  if (part.kind === "message") {
    const [message] = part.children;
    items.push(
      `(${envelope(message.fields)})`,
      `(${structureOf(message, { kind, written })})`,
      lines,
    );
  }
  if (kind === "bodystructure") items.push(content.line("md5"), content.common);
  return items.join(" ");
}

function mediaType({ contentType, kind, parent }: MessagePart): string {
  if (kind === "message") return '"message" "rfc822"';
  if (contentType === undefined && kind === "text") return '"text" "plain"';
  const { type = "", subtype = "" } = contentType ?? {};
  const name = `${type}/${subtype}`.toLowerCase();
  // There were too many parts: it was read as another type than its header says.
  const isCut = name === "message/rfc822" || type.toLowerCase() === "multipart" ||
    (contentType === undefined && parent !== undefined);
  return isCut ? '"application" "octet-stream"' : `${imapString(type)} ${imapString(subtype)}`;
}

function parameterList(parameters: readonly FieldParameter[]): string {
  return parameters.length === 0 ? "NIL" : `(${parameters.map(parameterText).join(" ")})`;
}

function textParameterList(parameters: readonly FieldParameter[]): string {
  const texts = parameters.map(parameterText);
  if (!parameters.some(({ name }) => name.toLowerCase() === "charset")) texts.push(defaultCharset);
  return `(${texts.join(" ")})`;
}

function parameterText({ name, value }: FieldParameter): string {
  return `${imapString(name)} ${imapString(value)}`;
}

/** The values of a part's Content-… fields, except Content-Type. */
class ContentFields {
  readonly #fields: readonly HeaderField[];
  readonly #written: WriteParameters;

  constructor(fields: readonly HeaderField[], written: WriteParameters) {
    this.#fields = fields;
    this.#written = written;
  }

  /** The first field of a name, as one line. */
  line(name: string): string {
    const value = this.#values(name)[0];
    return imapLine(value === undefined ? undefined : withoutNuls(value));
  }

  /** The first valid encoding. */
  get transferEncoding(): string {
    for (const value of this.#values("transfer-encoding")) {
      const encoding = parseTransferEncoding(value);
      if (encoding !== undefined) return imapString(encoding);
    }
    return '"7bit"';
  }

  /** The fields of both multiparts and other parts: disposition, languages and location. */
  get common(): string {
    return `${this.#disposition} ${this.#languages} ${this.line("location")}`;
  }

  get #disposition(): string {
    let found: ContentDisposition | undefined;
    for (const value of this.#values("disposition")) {
      found = parseContentDisposition(value) ?? found;
      if (found !== undefined && found.parameters.length > 0) break;
    }
    return found === undefined
      ? "NIL"
      : `(${imapString(found.value)} ${parameterList(this.#written(found.parameters))})`;
  }

  get #languages(): string {
    for (const value of this.#values("language")) {
      const languages = parseLanguages(value).map(imapString);
      if (languages.length > 0) return `(${languages.join(" ")})`;
    }
    return "NIL";
  }

  #values(name: string): readonly string[] {
    return this.#fields
      .filter((field) => field.name.toLowerCase() === `content-${name}`)
      .map(valueOf);
  }
}

/** Reads languages, with commas between them. */
function parseLanguages(value: string): readonly string[] {
  const reader = new Rfc822Reader(value);
  const languages: string[] = [];
  reader.skipSpace();
  while (reader.atom() !== "broken") {
    languages.push(reader.read);
    if (reader.next() !== ",") break;
    reader.at++;
    reader.skipSpace();
  }
  return languages;
}
