/**
 * Requests and responses of version 1, for tests.
 *
 * @module
 */

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ExtractorMethod,
  extractorMethods,
  type ExtractorRequestInit,
  type ExtractorResponseInit,
} from "../../../extractor/messages/methods.ts";

export const names = Object.keys(extractorMethods) as ExtractorMethod[];
export const none = new Uint8Array(0);
export const noon = timestampFromMs(Date.UTC(2024, 5, 12, 12, 0, 0));

export const header = {
  message_id: "<a@b>",
  subject: "Grüße",
  from: [{ address: "joe@example.org", name: "Joe" }],
  to: [{ address: "ann@example.org", name: "" }],
  cc: [],
  bcc: [],
  content_type: "multipart/mixed",
};

export const mailInBothShapes = {
  mid: "1718.M1P2.host",
  size: 1234,
  new: true,
  folder: "Archive.2024",
  ...header,
  date_received: "2024-06-12T12:00:00Z",
  date_sent: null,
  head: { ...header, date: "2024-06-12T12:00:00Z" },
};

export const head = {
  mid: "1718.M1P2.host",
  messageId: "<a@b>",
  subject: "Grüße",
  from: [{ address: "joe@example.org", name: "Joe" }],
  to: [{ address: "ann@example.org" }],
  dateReceived: noon,
  size: 1234n,
  contentType: "multipart/mixed",
  folder: "Archive.2024",
};

const fields = { charset: "", disposition: "", filename: "", content_id: "", size: 0 };

/** Each method's requests and their arguments. */
export const requests: {
  readonly [Method in ExtractorMethod]: readonly (readonly [
    request: ExtractorRequestInit<Method>,
    args: readonly string[],
  ])[];
} = {
  auth: [[{}, []]],
  list: [
    [{}, ["0", "0", "", ""]],
    [
      { start: 50, end: 4294967295, sortBy: "!date", folder: "Sent" },
      ["50", "4294967295", "!date", "Sent"],
    ],
  ],
  count: [[{}, [""]], [{ folder: "Entwürfe" }, ["Entwürfe"]]],
  "read-mail": [
    [{ mid: "1.a" }, ["1.a"]],
    [{ mid: "1.a", markSeen: true }, ["1.a", "true"]],
  ],
  search: [[{ pattern: "-x\n", folder: "" }, ["-x\n", ""]]],
  folders: [[{}, []]],
  move: [[{ mid: "1.a", folder: "" }, ["1.a", ""]]],
  raw: [
    [{ mid: "1.a" }, ["1.a"]],
    [{ mid: "1.a", offset: 5n }, ["1.a", "5"]],
    [{ mid: "1.a", length: 2n ** 64n - 1n }, ["1.a", "0", "18446744073709551615"]],
  ],
  part: [[{ mid: "1.a", path: "2.1" }, ["1.a", "2.1"]]],
  add: [
    [{ folder: "" }, [""]],
    [{ folder: "Sent", seen: true }, ["Sent", "true"]],
    [{ folder: "Sent", dateReceived: noon }, ["Sent", "false", "2024-06-12T12:00:00Z"]],
  ],
  remove: [[{ mid: "" }, [""]]],
};

/** Each method's responses and their JSON. */
export const responses: {
  readonly [Method in ExtractorMethod]: readonly (readonly [
    response: ExtractorResponseInit<Method>,
    json: unknown,
  ])[];
} = {
  auth: [[{}, {}]],
  list: [[{}, []], [{ mails: [head] }, [mailInBothShapes]]],
  count: [[{ count: 3n, size: 4096n, unseen: 2n }, { count: 3, size: 4096, new: 2 }]],
  "read-mail": [
    [
      {
        head: { ...head, contentType: "text/plain" },
        body: { contentType: "text/plain", content: { case: "text", value: "Hi.\n" } },
      },
      {
        ...{ ...mailInBothShapes, content_type: "text/plain", body: "Hi.\n" },
        head: { ...mailInBothShapes.head, content_type: "text/plain" },
        part: { type: "text/plain", path: "", ...fields },
      },
    ],
    [
      {
        head,
        body: {
          contentType: "multipart/mixed",
          content: {
            case: "multipart",
            value: {
              parts: [
                {
                  ...{ path: "1", contentType: "multipart/alternative" },
                  content: {
                    case: "multipart",
                    value: {
                      parts: [{
                        ...{ path: "1.1", contentType: "text/html", charset: "utf-8" },
                        content: { case: "text", value: "<b>" },
                      }],
                    },
                  },
                },
                { path: "2", contentType: "image/png", filename: "a.png", size: 7n },
              ],
            },
          },
        },
      },
      {
        ...mailInBothShapes,
        body: [
          {
            type: "multipart/alternative",
            val: [
              {
                ...{ type: "text/html", val: "<b>", path: "1.1", ...fields, charset: "utf-8" },
                ...{ head: { content_type: "text/html" }, body: "<b>" },
              },
            ],
            ...{ path: "1", ...fields, head: { content_type: "multipart/alternative" } },
          },
          {
            ...{ type: "image/png", val: null, path: "2", ...fields, filename: "a.png", size: 7 },
            head: { content_type: "image/png" },
          },
        ],
        part: { type: "multipart/mixed", path: "", ...fields },
      },
    ],
  ],
  search: [[{ mails: [{ ...head, seen: true }] }, [{ ...mailInBothShapes, new: false }]]],
  folders: [[{}, []], [{ folders: ["Archive.2024", "Entwürfe"] }, ["Archive.2024", "Entwürfe"]]],
  move: [[{}, {}]],
  raw: [[
    { data: Uint8Array.of(0, 10, 255), size: 9n },
    { content_type: "message/rfc822", size: 9 },
  ]],
  part: [[
    { part: { path: "2", contentType: "image/png", size: 2n }, data: Uint8Array.of(1, 10) },
    { content_type: "image/png", path: "2", ...fields, size: 2 },
  ]],
  add: [[{ mid: "1.a" }, { mid: "1.a" }]],
  remove: [[{}, {}]],
};
