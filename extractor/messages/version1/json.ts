/**
 * Responses in version 1: a line of JSON, and for `raw` and `part` the bytes after it.
 *
 * A list or a search returns an array of heads, `folders` an array of names, a count
 * `{count, size, new}`, `add` `{mid}`, a mail its head and `body`; an empty response is `{}`, and a failure
 * `{error, code}`. A body, and the `val` of a part, is a text, an array of parts `{type, val, …}`, a nested
 * mail, or `null` for content that the method `part` returns.
 *
 * Webmails of version 1 use two shapes. The oldest have a head's fields next to `mid`, `size` and `new`, and
 * parts as `{type, val}`; the newest have those fields under `head`, with one `date`, and parts as
 * `{head: {content_type}, body}`. Both are read, also mixed, and both are written, so that either webmail
 * can show the answers of our extractor.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import {
  decodeUtf8,
  encodeUtf8,
  LocalProtocolError,
  RemoteProtocolError,
} from "@dovewire/dovewire/core";
import type { MailHead } from "../extractor/extractor_pb.ts";
import { ExtractorFailure } from "../failure.ts";
import {
  type ExtractorMethod,
  extractorMethods,
  type ExtractorResponseInit,
  type ExtractorResponses,
} from "../methods.ts";
import { type Json, JsonReader, writeSize, WrongJson } from "./json_values.ts";
import {
  readHead,
  readMail,
  readPartFields,
  writeHead,
  writeMail,
  writePartFields,
} from "./mail_json.ts";

/** A response of version 1. */
export interface Version1Response {
  /** The JSON in UTF-8, in one line, without the line's end. */
  readonly header: Uint8Array;
  /** The bytes after that line. */
  readonly binary: Uint8Array;
}

/** How a method's responses are written and read. */
interface Format<Method extends ExtractorMethod> {
  /** The JSON. */
  write(response: ExtractorResponses[Method]): Json;
  /** Reads the JSON and the bytes after it. */
  read(json: JsonReader, binary: Uint8Array): ExtractorResponseInit<Method>;
}

/** The error of extractors without codes for a missing mail, as they spell it. */
const NO_MAIL = /^(?:no such message|unkn?own mail-id)$/;

/** For an empty response. */
const nothing = { write: () => ({}), read: () => ({}) };

/** For a list of heads. */
const heads = {
  write: ({ mails }: { readonly mails: readonly MailHead[] }) => mails.map(writeHead),
  read: (json: JsonReader) => ({ mails: json.items().map(readHead) }),
};

const formats: { readonly [Method in ExtractorMethod]: Format<Method> } = {
  auth: nothing,
  list: heads,
  count: {
    write: ({ count, size, unseen }) => ({
      count: writeSize(count),
      size: writeSize(size),
      new: writeSize(unseen),
    }),
    read: (json) => ({
      count: json.get("count").size(),
      // A program may send nothing but the count.
      size: json.get("size").size(0n),
      unseen: json.get(json.has("new") ? "new" : "unread").size(0n),
    }),
  },
  "read-mail": {
    write: ({ head, body }) => writeMail(head, body),
    read: (json) => readMail(json),
  },
  search: heads,
  folders: {
    write: ({ folders }) => folders,
    read: (json) => ({ folders: json.items().map((name) => name.text()) }),
  },
  move: nothing,
  raw: {
    write: ({ size }) => ({ content_type: "message/rfc822", size: writeSize(size) }),
    read: (json, data) => ({ data, size: json.get("size").size(BigInt(data.length)) }),
  },
  part: {
    write: ({ part }) => part ? { content_type: part.contentType, ...writePartFields(part) } : {},
    read: (json, data) => ({
      part: {
        contentType: json.get("content_type").text(""),
        ...readPartFields(json, ""),
        size: json.get("size").size(BigInt(data.length)),
      },
      data,
    }),
  },
  add: {
    write: ({ mid }) => ({ mid }),
    read: (json) => ({ mid: json.get("mid").text() }),
  },
  remove: nothing,
};

/**
 * Writes a response as JSON, and as bytes after it. Unknown fields and fractions of a second are lost.
 *
 * Throws a {@linkcode LocalProtocolError} for a value that JSON can't hold.
 */
export function encodeJson<Method extends ExtractorMethod>(
  method: Method,
  init: ExtractorResponseInit<Method>,
): Version1Response {
  const response = create(extractorMethods[method].response, init);
  const { failure } = response;
  if (failure !== undefined) {
    return jsonFailure(new ExtractorFailure(failure.code, failure.message));
  }
  const { write }: Format<Method> = formats[method];
  let json: Json;
  try {
    json = write(response);
  } catch (error) {
    const message = `Cannot write the response to "${method}" as JSON: ${reasonOf(error)}.`;
    throw new LocalProtocolError(message, { cause: error });
  }
  return {
    header: encodeUtf8(JSON.stringify(json)),
    binary: "data" in response ? response.data : new Uint8Array(0),
  };
}

/** Writes a failure as JSON. */
export function jsonFailure({ code, message }: ExtractorFailure): Version1Response {
  const header = encodeUtf8(JSON.stringify({ error: message, code }));
  return { header, binary: new Uint8Array(0) };
}

/**
 * Reads a response from JSON and the bytes after it. Missing keys leave their fields unset, and unknown
 * keys are ignored.
 *
 * Throws the {@linkcode ExtractorFailure} in it, and a {@linkcode RemoteProtocolError} if it is no
 * response.
 */
export function decodeJson<Method extends ExtractorMethod>(
  method: Method,
  { header, binary }: Version1Response,
): ExtractorResponses[Method] {
  const { read }: Format<Method> = formats[method];
  const schema = extractorMethods[method].response;
  let init: ExtractorResponseInit<Method>;
  try {
    const json = new JsonReader(JSON.parse(decodeUtf8(header)));
    if (json.has("error")) {
      const message = json.get("error").text();
      const code = json.get("code").text("") || (NO_MAIL.test(message) ? "not-found" : "internal");
      throw new ExtractorFailure(code, message || "The extractor gave no reason.");
    }
    if (binary.length > 0 && schema.fields.every(({ name }) => name !== "data")) {
      throw new WrongJson(`there are ${binary.length} bytes after the JSON`);
    }
    init = read(json, binary);
  } catch (error) {
    if (error instanceof ExtractorFailure) throw error;
    const message = `The extractor's answer is no response to "${method}": ${reasonOf(error)}.`;
    throw new RemoteProtocolError(message, { cause: error, sent: true });
  }
  return create(schema, init);
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
