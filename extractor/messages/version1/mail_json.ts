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

/** What there is to know of a part but its type and content. */
interface PartFields {
  readonly path: string;
  readonly charset: string;
  readonly disposition: string;
  readonly filename: string;
  readonly contentId: string;
  readonly size: bigint;
}

/** How deep parts may be nested in each other: as deep as in the other versions. */
const MAX_DEPTH = 500;

const DATE = 'a time such as "2024-06-12T15:11:29Z"';

/** The keys of a head, apart from those of where the mail is kept. */
const HEAD_KEYS = [
  ...["message_id", "subject", "from", "to", "cc", "bcc", "content_type"],
  ...["date", "date_received", "date_sent", "date_send"],
];

/** The keys that stand beside a head's. */
const OTHER_KEYS = ["mid", "size", "new", "folder", "head", "body", "part"];

/**
 * Writes a head in both shapes that webmails of version 1 read: flat, as the first ones do, and with
 * what the header tells under "head" once more, as the last ones do. Those have one "date".
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
 * Reads a head in either shape, or in both mixed, in which anything may be missing. One that has none
 * of a head's keys but others, or none at all, is of a shape that nobody knows and is refused.
 */
export function readHead(json: JsonReader): HeadInit {
  refuseUnknownShape(json);
  const field = (key: string) => headField(json, key);
  // Only one date: the time of delivery, or the header Date where the program doesn't know that.
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
    // Programs of version 1 call it either.
    dateSent: dateOf("date_sent", "date_send"),
    size: json.get("size").size(0n),
    contentType: field("content_type").text(""),
    seen: !json.get("new").boolean(false),
    folder: json.get("folder").text(""),
  };
}

/** The value of a head's key: the one under "head" if it says something, else the flat one. */
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
  if (!isKnown) json.refuse(`a mail with a head of known keys, such as "subject" and "from",`);
}

/**
 * Writes a mail: its head's keys, "body" with what is in its body, and "part" with what else there is
 * to know of that.
 */
export function writeMail(head: MailHead | undefined, body: MimePart | undefined): JsonObject {
  return {
    ...(head && writeHead(head)),
    body: body === undefined ? null : writeContent(body.content),
    ...(body && { part: { type: body.contentType, ...writePartFields(body) } }),
  };
}

/** Reads a mail; its body is of its head's type where there is no "part". */
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

/** Writes what there is to know of a part but its type and content. */
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

/** Reads what there is to know of a part but its type and content; its path is known if it isn't said. */
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
 * A part once more, in the shape of the last webmails. They show texts alone; with parts in parts twice
 * each, a mail would double its size at every level.
 */
function nestedPart({ contentType, content }: MimePart): JsonObject {
  const head = { content_type: contentType };
  return content.case === "text" ? { head, body: content.value } : { head };
}

function readContent(json: JsonReader, path: string, depth: number): Content {
  if (depth > MAX_DEPTH) throw new WrongJson(`there are parts in more than ${MAX_DEPTH} others`);
  if (json.isNone) return { case: undefined };
  if (typeof json.value === "string") return { case: "text", value: json.text() };
  if (!Array.isArray(json.value)) return { case: "mail", value: readMail(json, depth + 1) };
  const parts = json.items().map((item, index) => {
    const fields = readPartFields(item, path === "" ? `${index + 1}` : `${path}.${index + 1}`);
    return { ...fields, ...readTypeAndContent(item, fields.path, depth + 1) };
  });
  return { case: "multipart", value: { parts } };
}

/** What a part is and has: `{"type", "val"}`, or `{"head": {"content_type"}, "body"}`. */
function readTypeAndContent(
  part: JsonReader,
  path: string,
  depth: number,
): { contentType: string; content: Content } {
  if (!["type", "val", "head", "body"].some((key) => part.has(key))) {
    part.refuse('a part with "type" and "val", or with "head" and "body",');
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
