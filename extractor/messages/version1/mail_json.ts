/**
 * Heads, parts and bodies of mails in version 1's JSON.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
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

/** Writes a head. */
export function writeHead(head: MailHead): JsonObject {
  return {
    mid: head.mid,
    message_id: head.messageId,
    subject: head.subject,
    from: head.from.map(writeAddress),
    to: head.to.map(writeAddress),
    cc: head.cc.map(writeAddress),
    bcc: head.bcc.map(writeAddress),
    date_received: head.dateReceived === undefined ? null : formatDate(head.dateReceived),
    date_sent: head.dateSent === undefined ? null : formatDate(head.dateSent),
    size: writeSize(head.size),
    content_type: head.contentType,
    new: !head.seen,
    folder: head.folder,
  };
}

/** Reads a head, in which anything may be missing. */
export function readHead(json: JsonReader): HeadInit {
  return {
    mid: json.get("mid").text(""),
    messageId: json.get("message_id").text(""),
    subject: json.get("subject").text(""),
    from: json.get("from").items().map(readAddress),
    to: json.get("to").items().map(readAddress),
    cc: json.get("cc").items().map(readAddress),
    bcc: json.get("bcc").items().map(readAddress),
    dateReceived: json.get("date_received").parsed(parseDate, DATE),
    // Programs of version 1 call it either.
    dateSent: json.get(json.has("date_sent") ? "date_sent" : "date_send").parsed(parseDate, DATE),
    size: json.get("size").size(0n),
    contentType: json.get("content_type").text(""),
    seen: !json.get("new").boolean(false),
    folder: json.get("folder").text(""),
  };
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
      }));
    case "mail":
      return writeMail(value.head, value.body);
    default:
      return null;
  }
}

function readContent(json: JsonReader, path: string, depth: number): Content {
  if (depth > MAX_DEPTH) throw new WrongJson(`there are parts in more than ${MAX_DEPTH} others`);
  if (json.isNone) return { case: undefined };
  if (typeof json.value === "string") return { case: "text", value: json.text() };
  if (!Array.isArray(json.value)) return { case: "mail", value: readMail(json, depth + 1) };
  const parts = json.items().map((item, index) => {
    const fields = readPartFields(item, path === "" ? `${index + 1}` : `${path}.${index + 1}`);
    const content = readContent(item.get("val"), fields.path, depth + 1);
    return { contentType: item.get("type").text(""), ...fields, content };
  });
  return { case: "multipart", value: { parts } };
}

function writeAddress({ name, address }: Address): JsonObject {
  return { address, name };
}

function readAddress(json: JsonReader): { name: string; address: string } {
  return { name: json.get("name").text(""), address: json.get("address").text("") };
}
