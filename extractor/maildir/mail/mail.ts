/**
 * Whole mails: their heads, their bodies as trees of parts, and the contents of parts.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { MimePartSchema } from "../../messages/extractor/extractor_pb.ts";
import { plainBytes } from "@dovewire/dovewire/core";
import { type HeadFields, parseHead } from "./head.ts";
import { decodeText } from "./charset.ts";
import { withLineFeeds } from "./header.ts";
import { contentOf, parseParts, type Part } from "./parts.ts";

/** A part in the shape of `extractor.proto`. */
export type MimePartInit = Exclude<MessageInitShape<typeof MimePartSchema>, { $typeName: string }>;

/** A part and its content. */
export interface PartContent {
  /** The part, without its content. */
  readonly part: MimePartInit;
  /** The content without its transfer encoding; for a multipart, all of it, unchanged. */
  readonly data: Uint8Array;
}

/**
 * How deep parts are nested in a body. Protobuf decoders, such as @bufbuild/protobuf and Python's, accept
 * 100 nested messages by default, and each part is two of them. Deeper parts become siblings in the
 * deepest multipart, with their own paths; deeper mails aren't opened, and `part()` returns them.
 */
const maxDepth = 48;

/** The maximum number of mailboxes of all mails in a body together, which bounds their memory. */
const maxMailboxes = 25_000;

/** The room left in a body. */
interface Room {
  mailboxes: number;
}

/** A parsed mail; its texts and contents are decoded on request. */
export class ParsedMail {
  /** The fields of its header. */
  readonly head: HeadFields;
  readonly #root: Part;
  #parts: Map<string, Part> | undefined;

  /** Parses a mail; see {@linkcode parseMail}. */
  constructor(mail: Uint8Array) {
    const bytes = withLineFeeds(plainBytes(mail));
    this.head = parseHead(bytes);
    this.#root = parseParts(bytes);
  }

  /**
   * The body: texts decoded, with LF as line breaks, attachments without their contents. A text with no
   * charset, an unknown one, or ASCII, is UTF-8, or windows-1252 if it isn't valid UTF-8.
   */
  get body(): MimePartInit {
    return toMimePart(this.#root, 0, { mailboxes: maxMailboxes });
  }

  /** A part and its content, even if the body doesn't show it; `undefined` if there is none. */
  part(path: string): PartContent | undefined {
    const part = this.#partsByPath.get(path);
    if (part === undefined) return undefined;
    const data = part.kind === "multipart" ? part.encoded : contentOf(part);
    return { part: describe(part, data), data };
  }

  /** All texts in order: text parts that aren't attachments, including those of nested mails. */
  *texts(): Generator<{ contentType: string; text: string }> {
    for (const part of this.#partsByPath.values()) {
      if (isText(part)) {
        yield { contentType: part.contentType, text: textOf(part, contentOf(part)) };
      }
    }
  }

  /** The subjects: the mail's own first, then those of nested mails. */
  *subjects(): Generator<string> {
    yield this.head.subject;
    for (const part of this.#partsByPath.values()) {
      if (part.kind === "mail") yield parseHead(contentOf(part), { maxMailboxes: 0 }).subject;
    }
  }

  get #partsByPath(): Map<string, Part> {
    if (this.#parts === undefined) {
      this.#parts = new Map();
      addParts(this.#root, this.#parts);
    }
    return this.#parts;
  }
}

/**
 * Parses a mail. Accepts any bytes: an invalid part is read as text, or {@linkcode ParsedMail.part}
 * returns it.
 *
 * @example
 * ```ts
 * import { parseMail } from "./mail.ts";
 * import assert from "node:assert/strict";
 *
 * const mail = parseMail(new TextEncoder().encode("Subject: Hello\r\n\r\nHow are you?\r\n"));
 * assert.equal(mail.head.subject, "Hello");
 * assert.deepEqual(mail.body.content, { case: "text", value: "How are you?\n" });
 * ```
 */
export function parseMail(mail: Uint8Array): ParsedMail {
  return new ParsedMail(mail);
}

function addParts(part: Part, parts: Map<string, Part>): void {
  parts.set(part.path, part);
  for (const child of part.parts) addParts(child, parts);
}

/** Whether it is shown as a text. */
function isText(part: Part): boolean {
  return part.kind === "leaf" && part.contentType.startsWith("text/") &&
    part.disposition !== "attachment";
}

function textOf({ charset }: Part, content: Uint8Array): string {
  const text = decodeText(content, charset);
  return text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n").toWellFormed();
}

/** A part without its content. */
function describe(part: Part, content: Uint8Array): MimePartInit {
  const { path, contentType, charset, disposition, filename, contentId, kind } = part;
  const size = BigInt(kind === "multipart" ? 0 : content.length);
  return { path, contentType, charset, disposition, filename, contentId, size };
}

function toMimePart(part: Part, depth: number, room: Room): MimePartInit {
  if (part.kind === "multipart") {
    const parts = part.parts.flatMap((child) => toMimeParts(child, depth + 1, room));
    return { ...describe(part, part.encoded), content: { case: "multipart", value: { parts } } };
  }
  const content = contentOf(part);
  const described = describe(part, content);
  if (isText(part)) {
    return { ...described, content: { case: "text", value: textOf(part, content) } };
  }
  if (part.kind === "mail" && depth < maxDepth) {
    const fields = parseHead(content, { maxMailboxes: room.mailboxes });
    const { from, to, cc, bcc } = fields;
    const told = from.length + to.length + cc.length + bcc.length;
    room.mailboxes = Math.max(room.mailboxes - told, 0);
    const head = { ...fields, size: BigInt(content.length) };
    const body = toMimePart(part.parts[0], depth + 1, room);
    return { ...described, content: { case: "mail", value: { head, body } } };
  }
  return described;
}

/** A part of a multipart; at the maximum depth, the parts in it instead. */
function toMimeParts(part: Part, depth: number, room: Room): MimePartInit[] {
  if (part.kind !== "multipart" || depth < maxDepth) return [toMimePart(part, depth, room)];
  return part.parts.flatMap((child) => toMimeParts(child, depth, room));
}
