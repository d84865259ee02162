/**
 * Mails as the extractor's client gives them: plain objects that can be shown, compared and turned to
 * JSON as they are. Sizes are numbers and points in time are `Date`s.
 *
 * @module
 */

import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { LocalProtocolError, RemoteProtocolError } from "@dovewire/dovewire/core";
import type {
  MailHead as HeadMessage,
  MimePart,
  ReadMailResponse,
} from "../messages/extractor/extractor_pb.ts";

/** An address of a header. */
export interface MailAddress {
  /** The display name, decoded; "" for none. */
  readonly name: string;
  /** The address: "joe@example.org". */
  readonly address: string;
}

/** What there is to know of a mail without its body. */
export interface MailHead {
  /** The mail's name, which doesn't change as long as it exists, whatever folder it is moved to. */
  readonly mid: string;
  /** The header Message-ID with its angle brackets; "" for none. */
  readonly messageId: string;
  /** How large the mail is, in bytes. */
  readonly size: number;
  /** Whether it has been read. */
  readonly seen: boolean;
  /** The decoded subject; "" for none. */
  readonly subject: string;
  /** The header From. */
  readonly from: readonly MailAddress[];
  /** The header To. */
  readonly to: readonly MailAddress[];
  /** The header Cc. */
  readonly cc: readonly MailAddress[];
  /** The header Bcc. */
  readonly bcc: readonly MailAddress[];
  /** When it was delivered. Not set for a mail within a mail. */
  readonly dateReceived: Date | undefined;
  /** The header Date; not set where that is no date. */
  readonly dateSent: Date | undefined;
  /** The type of the content without parameters, in lower case: "multipart/mixed". */
  readonly contentType: string;
  /** The folder that the mail is in; "" for the inbox. */
  readonly folder: string;
}

/** A part of a mail. A mail's body is one, and may have others in it. */
export interface MailPart {
  /** Where it is: "" for the whole body, "2" for the second part of it, "2.1" for the first of that. */
  readonly path: string;
  /** The type without parameters, in lower case: "text/plain". */
  readonly contentType: string;
  /** The charset that was declared, in lower case; "" for none. */
  readonly charset: string;
  /** "inline", "attachment", or what else was declared; "" for none. */
  readonly disposition: string;
  /** The decoded name of the file; "" for none. */
  readonly filename: string;
  /** The header Content-ID with its angle brackets; "" for none. */
  readonly contentId: string;
  /** How large the content is, in bytes, with the transfer encoding taken off; 0 for a multipart. */
  readonly size: number;
  /** A text, decoded. Not set for other content: get that with the extractor's `part()`. */
  readonly text?: string;
  /** The parts in it, in their order; there for a multipart. */
  readonly parts?: readonly MailPart[];
  /** The mail in it; there for a mail within a mail. */
  readonly mail?: Mail;
}

/** A mail that was read. */
export interface Mail {
  /** What there is to know of it without its body. */
  readonly head: MailHead;
  /** The body, without the attachments' contents. */
  readonly body: MailPart;
}

/** A mail's head as a plain object. */
export function headOf(head: HeadMessage): MailHead {
  return {
    mid: head.mid,
    messageId: head.messageId,
    size: Number(head.size),
    seen: head.seen,
    subject: head.subject,
    from: head.from.map(addressOf),
    to: head.to.map(addressOf),
    cc: head.cc.map(addressOf),
    bcc: head.bcc.map(addressOf),
    dateReceived: dateOf(head.dateReceived),
    dateSent: dateOf(head.dateSent),
    contentType: head.contentType,
    folder: head.folder,
  };
}

/** A part, and those in it, as plain objects. */
export function partOf(part: MimePart): MailPart {
  return {
    path: part.path,
    contentType: part.contentType,
    charset: part.charset,
    disposition: part.disposition,
    filename: part.filename,
    contentId: part.contentId,
    size: Number(part.size),
    ...contentOf(part),
  };
}

/** A mail as a plain object; throws a `RemoteProtocolError` where its head or body is missing. */
export function mailOf({ head, body }: Pick<ReadMailResponse, "head" | "body">): Mail {
  return { head: headOf(given(head, "head")), body: partOf(given(body, "body")) };
}

/** A required field of an answer; throws a `RemoteProtocolError` if it is missing. */
export function given<Value>(value: Value | undefined, name: string): Value {
  if (value !== undefined) return value;
  throw new RemoteProtocolError(
    `The extractor's answer has no ${name}. Check whether it uses the same messages.`,
    { sent: true },
  );
}

/** A point in time as messages have it; throws a `LocalProtocolError` for a `Date` that is none. */
export function timestampOf(date: Date | undefined, name: string): Timestamp | undefined {
  if (date === undefined) return undefined;
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) {
    throw new LocalProtocolError(`"${name}" is an invalid Date. Give a valid one.`);
  }
  return timestampFromDate(date);
}

function contentOf({ content }: MimePart): Pick<MailPart, "text" | "parts" | "mail"> {
  switch (content.case) {
    case "text":
      return { text: content.value };
    case "multipart":
      return { parts: content.value.parts.map(partOf) };
    case "mail":
      return { mail: mailOf(content.value) };
    default:
      return {};
  }
}

function addressOf({ name, address }: MailAddress): MailAddress {
  return { name, address };
}

function dateOf(time: Timestamp | undefined): Date | undefined {
  const date = time && timestampDate(time);
  // A timestamp can be of years that no Date has.
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}
