/**
 * A mail's head: the fields of its header.
 *
 * @module
 */

import { mediaType } from "./boundary.ts";
import { decodeBytes } from "./encoded_words.ts";
import { Header, withLineFeeds } from "./header.ts";
import { parseMailDate } from "./mail_date.ts";
import { StructuredField } from "./structured_field.ts";
import { cleanText, decodeField, type Mailbox, parseMailboxes } from "./words.ts";

/** A mail's seconds since 1970, as a `google.protobuf.Timestamp` has them. */
export interface HeadTime {
  /** Whole seconds. */
  readonly seconds: bigint;
  /** Always 0: mails have no fractions of seconds. */
  readonly nanos: 0;
}

/** The fields from a mail's header; the rest of its head depends on where the mail is stored. */
export interface HeadFields {
  /** The header Message-ID with its angle brackets; "" for none. */
  readonly messageId: string;
  /** The decoded subject, in one line; "" for none. */
  readonly subject: string;
  /** The mailboxes of the header From, including those in groups. */
  readonly from: Mailbox[];
  /** The mailboxes of all headers To. */
  readonly to: Mailbox[];
  /** The mailboxes of all headers Cc. */
  readonly cc: Mailbox[];
  /** The mailboxes of all headers Bcc. */
  readonly bcc: Mailbox[];
  /** The header Date; `undefined` if it isn't a date of the years 1 to 9999. */
  readonly dateSent: HeadTime | undefined;
  /** The type of the content without parameters, in lower case; "text/plain" if there is none. */
  readonly contentType: string;
}

const names = ["message-id", "subject", "from", "to", "cc", "bcc", "date", "content-type"];

/**
 * Reads a mail's head from its header, or from the whole mail. Accepts any bytes.
 *
 * Of repeated fields the first counts, but mailboxes come from all fields To, Cc, Bcc (RFC 5322, 4.5.3).
 * Fields with 8-bit characters are UTF-8, or windows-1252 if they aren't valid UTF-8. Control characters
 * and line breaks, which encoded words may contain, become spaces.
 *
 * From, To, Cc and Bcc have at most `maxMailboxes` mailboxes each, 25,000 by default; the rest is left out.
 *
 * @example
 * ```ts
 * import { parseHead } from "./head.ts";
 * import assert from "node:assert/strict";
 *
 * const header = "From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.org>\nSubject: Hello\n\n";
 * const head = parseHead(new TextEncoder().encode(header));
 * assert.deepEqual(head.from, [{ name: "Jörg", address: "joerg@example.org" }]);
 * ```
 */
export function parseHead(
  header: Uint8Array,
  { maxMailboxes = 25_000 }: { readonly maxMailboxes?: number } = {},
): HeadFields {
  return readHead(new Header(withLineFeeds(header), names), maxMailboxes);
}

function readHead(header: Header, maxMailboxes: number): HeadFields {
  const seconds = parseMailDate(decodeBytes(header.first("date")));
  return {
    messageId: cleanText(decodeBytes(header.first("message-id"))),
    subject: decodeField(header.first("subject")),
    from: parseMailboxes(header.first("from"), maxMailboxes),
    to: parseMailboxes(header.all("to").join(", "), maxMailboxes),
    cc: parseMailboxes(header.all("cc").join(", "), maxMailboxes),
    bcc: parseMailboxes(header.all("bcc").join(", "), maxMailboxes),
    dateSent: seconds === undefined ? undefined : { seconds: BigInt(seconds), nanos: 0 },
    contentType: mediaType(new StructuredField(header.first("content-type")), "text/plain"),
  };
}
