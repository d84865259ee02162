/**
 * Heads, parts and bodies of mails in version 1's JSON.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type {
  Address,
  MailHead,
  MailHeadSchema,
  MimePart,
  MimePartSchema,
} from "../extractor/extractor_pb.ts";
import { formatDate, parseDate } from "./dates.ts";
import {
  type Json,
  type JsonObject,
  type JsonReader,
  writeSize,
  WrongJson,
} from "./json_values.ts";

/** A head's fields. */
type HeadInit = MessageInitShape<typeof MailHeadSchema>;

/** A part's fields. */
type PartInit = MessageInitShape<typeof MimePartSchema>;

/** A part's content. */
type Content = NonNullable<PartInit["content"]>;

/** The data of a part except its type and content. */
interface PartFields {
  readonly path: string;
  readonly charset: string;
  readonly disposition: string;
  readonly filename: string;
  readonly contentId: string;
  readonly size: bigint;
}

/** The maximum nesting of parts, as in the other versions. */
const MAX_DEPTH = 500;

const DATE = 'a time such as "2024-06-12T15:11:29Z"';

/** The keys of a head, except those about the mail's storage. */
const HEAD_KEYS = [
  ...["message_id", "subject", "from", "to", "cc", "bcc", "content_type"],
  ...["date", "date_received", "date_sent", "date_send"],
];

/** The keys next to a head's. */
const OTHER_KEYS = ["mid", "size", "new", "folder", "head", "body", "part"];

/**
 * Writes a head in both shapes that webmails of version 1 read: flat, as the oldest do, and the header's
 * fields again under "head", as the newest do. The latter have one "date".
 */
export function writeHead(head: MailHead): JsonObject {
  const header = {
    message_id: head.messageId,
    subject: head.subject,
    from: head.from.map(writeAddress),
    to: head.to.map(writeAddress),
    cc: head.cc.map(writeAddress),
    bcc: head.bcc.map(writeAddress),
    content_type: head.contentType,
  };
  const received = writeDate(head.dateReceived);
  const sent = writeDate(head.dateSent);
  return {
    mid: head.mid,
    size: writeSize(head.size),
    new: !head.seen,
    folder: head.folder,
    ...header,
    date_received: received,
    date_sent: sent,
    head: { ...header, date: received ?? sent },
  };
}

function writeDate(time: Timestamp | undefined): string | null {
  return time === undefined ? null : formatDate(time);
}

/**
 * Reads a head in either shape, or in both mixed; any key may be missing. A head with other keys only, or
 * without any, has an unknown shape and is refused.
 */
export function readHead(json: JsonReader): HeadInit {
  refuseUnknownShape(json);
  const field = (key: string) => headField(json, key);
  // Only one date: the time of delivery, or the header Date if the program doesn't know that.
  const date = field("date");
  const dateOf = (...keys: readonly string[]) => {
    const key = keys.find((key) => hasHeadField(json, key));
    return (key === undefined ? date : field(key)).parsed(parseDate, DATE);
  };
  return {
    mid: json.get("mid").text(""),
    messageId: field("message_id").text(""),
    subject: field("subject").text(""),
    from: field("from").items().map(readAddress),
    to: field("to").items().map(readAddress),
    cc: field("cc").items().map(readAddress),
    bcc: field("bcc").items().map(readAddress),
    dateReceived: dateOf("date_received"),
    // Programs of version 1 use either name.
    dateSent: dateOf("date_sent", "date_send"),
    size: json.get("size").size(0n),
    contentType: field("content_type").text(""),
    seen: !json.get("new").boolean(false),
    folder: json.get("folder").text(""),
  };
}

/** The value of a head's key: the one under "head" if it is set, else the flat one. */
function headField(json: JsonReader, key: string): JsonReader {
  const head = json.get("head");
  const nested = head.isNone ? head : head.get(key);
  return nested.isNone ? json.get(key) : nested;
}

function hasHeadField(json: JsonReader, key: string): boolean {
  return json.has(key) || json.get("head").has(key);
}

function refuseUnknownShape(json: JsonReader): void {
  if (HEAD_KEYS.some((key) => hasHeadField(json, key))) return;
  const keys = json.keys();
  const isKnown = keys.length > 0 && json.get("head").isNone &&
    keys.every((key) => OTHER_KEYS.includes(key));
  if (!isKnown) json.refuse(`a mail with a head of known keys, such as "subject" and "from"`);
}

/**
 * Writes a mail: its head's keys, "body" with its body's content, and "part" with the body's other data.
 */
export function writeMail(head: MailHead | undefined, body: MimePart | undefined): JsonObject {
  return {
    ...(head && writeHead(head)),
    body: body === undefined ? null : writeContent(body.content),
    ...(body && { part: { type: body.contentType, ...writePartFields(body) } }),
  };
}

/** Reads a mail; its body has its head's type if there is no "part". */
export function readMail(json: JsonReader, depth = 0): { head: HeadInit; body?: PartInit } {
  const head = readHead(json);
  const body = json.get("body");
  const part = json.get("part");
  if (part.isNone && body.isNone) return { head };
  if (part.isNone) {
    return { head, body: { contentType: head.contentType, content: readContent(body, "", depth) } };
  }
  const contentType = part.get("type").text("");
  const fields = readPartFields(part, "");
  return { head, body: { contentType, ...fields, content: readContent(body, fields.path, depth) } };
}

/** Writes the data of a part except its type and content. */
export function writePartFields(part: MimePart): JsonObject {
  return {
    path: part.path,
    charset: part.charset,
    disposition: part.disposition,
    filename: part.filename,
    content_id: part.contentId,
    size: writeSize(part.size),
  };
}

/** Reads the data of a part except its type and content; its path is derived if it is missing. */
export function readPartFields(json: JsonReader, path: string): PartFields {
  return {
    path: json.get("path").text(path),
    charset: json.get("charset").text(""),
    disposition: json.get("disposition").text(""),
    filename: json.get("filename").text(""),
    contentId: json.get("content_id").text(""),
    size: json.get("size").size(0n),
  };
}

function writeContent({ case: kind, value }: MimePart["content"]): Json {
  switch (kind) {
    case "text":
      return value;
    case "multipart":
      return value.parts.map((part) => ({
        type: part.contentType,
        val: writeContent(part.content),
        ...writePartFields(part),
        ...nestedPart(part),
      }));
    case "mail":
      return writeMail(value.head, value.body);
    default:
      return null;
  }
}

/**
 * A part again, in the newest webmails' shape. They show texts only; with parts twice at every level, a
 * mail would double its size each time.
 */
function nestedPart({ contentType, content }: MimePart): JsonObject {
  const head = { content_type: contentType };
  return content.case === "text" ? { head, body: content.value } : { head };
}

function readContent(json: JsonReader, path: string, depth: number): Content {
  if (depth > MAX_DEPTH) throw new WrongJson(`parts are nested more than ${MAX_DEPTH} deep`);
  if (json.isNone) return { case: undefined };
  if (typeof json.value === "string") return { case: "text", value: json.text() };
  if (!Array.isArray(json.value)) return { case: "mail", value: readMail(json, depth + 1) };
  const parts = json.items().map((item, index) => {
    const fields = readPartFields(item, path === "" ? `${index + 1}` : `${path}.${index + 1}`);
    return { ...fields, ...readTypeAndContent(item, fields.path, depth + 1) };
  });
  return { case: "multipart", value: { parts } };
}

/** A part's type and content: `{"type", "val"}`, or `{"head": {"content_type"}, "body"}`. */
function readTypeAndContent(
  part: JsonReader,
  path: string,
  depth: number,
): { contentType: string; content: Content } {
  if (!["type", "val", "head", "body"].some((key) => part.has(key))) {
    part.refuse('a part with "type" and "val", or with "head" and "body"');
  }
  const head = part.get("head");
  const type = part.get("type").isNone && !head.isNone
    ? head.get("content_type")
    : part.get("type");
  const content = part.get(part.get("val").isNone ? "body" : "val");
  return { contentType: type.text(""), content: readContent(content, path, depth) };
}

function writeAddress({ name, address }: Address): JsonObject {
  return { address, name };
}

function readAddress(json: JsonReader): { name: string; address: string } {
  return { name: json.get("name").text(""), address: json.get("address").text("") };
}
