/**
 * The fields of "fetch".
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import { parseAddresses } from "../dovecot_message/addresses.ts";
import { bodyStructure } from "../dovecot_message/body_structure.ts";
import { fromByteString } from "../../core/byte_string.ts";
import { decodeEncodedWords } from "../dovecot_message/encoded_words.ts";
import { envelope, withoutNuls } from "../dovecot_message/envelope.ts";
import type { MailboxKeywords } from "../mailboxes/flags.ts";
import { type HeaderField, unfold } from "../dovecot_message/headers.ts";
import type { MailSystem, MailUser } from "../mail_system.ts";
import type { Mail, Mailbox } from "../mailbox.ts";
import { type Message, parseMessage } from "../dovecot_message/message.ts";
import { parseMessageDate } from "../dovecot_message/message_date.ts";
import {
  parseSection,
  readBinarySection,
  readSection,
} from "../dovecot_message/message_section.ts";
import { messageText } from "../dovecot_message/part_text.ts";
import { snippetOf } from "../dovecot_message/snippet.ts";

/** A mail to fetch fields of. */
export interface FetchedMail {
  /** Its mail system. */
  readonly system: MailSystem;
  /** Its user. */
  readonly user: MailUser;
  /** The name of its mailbox. */
  readonly mailboxName: string;
  /** Its mailbox. */
  readonly mailbox: Mailbox;
  /** Its keywords. */
  readonly keywords: MailboxKeywords;
  /** Its sequence number, from 1 on. */
  readonly sequence: number;
  /** The mail. */
  readonly mail: Mail;
}

/** A field of a mail. */
export interface FetchField {
  /** The name, in lower case. */
  readonly name: string;
  /** Its value; throws a `CommandFailure` if the message has no valid one. */
  read(fetched: FetchedMail): string | Uint8Array;
}

/**
 * Parses the names of fields, separated by spaces, in any case.
 *
 * They are those of a version of Dovecot: `uid`, `flags`, `hdr`, `body`, `text` … as the server knows them,
 * `hdr.NAME`, `hdr.NAME.utf8`, `hdr.NAME.address`, `hdr.NAME.address_name`,
 * `hdr.NAME.address_name.utf8`, `body.SECTION` and `binary.SECTION`. A mail in memory isn't on a disk: its
 * `storageid` is its GUID, and its `refcount` the number of mails that share the message.
 *
 * Throws a `CommandFailure`, "USAGE", for an unknown name, where a real server closes the connection.
 */
export function parseFetchFields(names: string, fields: FetchFields): readonly FetchField[] {
  return names.split(" ").filter((name) => name !== "").map((word) => {
    const name = word.toLowerCase();
    const read = fields.get(name) ?? headerField(name) ?? sectionField(name);
    if (read !== undefined) return { name, read };
    throw new CommandFailure("USAGE", {
      log: `There is no field ${JSON.stringify(word)} to fetch. Ask for hdr.NAME, body.SECTION, ` +
        `binary.SECTION, or one of ${[...fields.keys()].join(" ")}.`,
    });
  });
}

type Read = FetchField["read"];

/** The fields by name, without those of a header field and of a part. */
export type FetchFields = ReadonlyMap<string, Read>;

/** A field read from the message. */
export function ofMessage(read: (message: Message) => string | Uint8Array): Read {
  return ({ mail }) => read(parseMessage(mail.bytes));
}

const snippet = ofMessage((message) => encodeUtf8(snippetOf(message)));

/** The fields of Dovecot 2.3. */
export const fetchFields: FetchFields = new Map<string, Read>([
  ["user", ({ user }) => user.name],
  ["mailbox", ({ mailboxName }) => mailboxName],
  ["mailbox-guid", ({ mailbox }) => mailbox.guid],
  ["seq", ({ sequence }) => String(sequence)],
  ["uid", ({ mail }) => String(mail.uid)],
  ["guid", ({ mail }) => mail.guid],
  [
    "flags",
    ({ mail, mailbox, keywords }) => keywords.text(mail, mail.uid >= mailbox.firstRecentUid),
  ],
  ["modseq", ({ mail }) => String(mail.modseq)],
  ["hdr", ofMessage((message) => message.header)],
  ["body", ofMessage((message) => message.body)],
  ["body.preview", snippet],
  ["body.snippet", snippet],
  ["text", ({ mail }) => mail.bytes],
  ["text.utf8", ofMessage(messageText)],
  ["size.physical", ({ mail }) => String(mail.bytes.length)],
  ["size.virtual", ofMessage((message) => String(message.size.virtual))],
  ["date.received", ({ mail }) => dateText(mail.received)],
  ["date.sent", ofMessage((message) => sentText(message))],
  ["date.saved", ({ mail }) => dateText(mail.saved)],
  ["date.received.unixtime", ({ mail }) => secondsText(mail.received)],
  ["date.sent.unixtime", ofMessage((message) => String(sentDate(message).seconds))],
  ["date.saved.unixtime", ({ mail }) => secondsText(mail.saved)],
  ["imap.envelope", ofMessage(({ fields }) => fromByteString(envelope(fields)))],
  ["imap.body", ofMessage(({ root }) => fromByteString(bodyStructure(root, "body")))],
  [
    "imap.bodystructure",
    ofMessage(({ root }) => {
      return fromByteString(bodyStructure(root, "bodystructure"));
    }),
  ],
  ["pop3.uidl", () => ""],
  ["pop3.order", () => ""],
  ["refcount", ({ system, mail }) => String(referencesTo(system, mail))],
  ["storageid", ({ mail }) => mail.guid],
]);

/** How many mails share a message: a copy is another name of the same message, as in a Maildir. */
function referencesTo(system: MailSystem, { bytes }: Mail): number {
  let count = 0;
  for (const user of system.users.values()) {
    for (const mailbox of user.mailboxes.values()) {
      for (const mail of mailbox.mails) if (mail.bytes === bytes) count++;
    }
  }
  return count;
}

/** `hdr.NAME` with its suffixes; `undefined` for another field. */
function headerField(field: string): Read | undefined {
  if (!field.startsWith("hdr.")) return undefined;
  const [, name, filter] = /^([^.]*)(?:\.(.*))?$/.exec(field.slice("hdr.".length))!;
  const write = filter === "" ? undefined : headerFilters.get(filter ?? "");
  if (write === undefined) {
    // As with Dovecot, an invalid suffix is no error as long as there is no mail.
    return () => {
      throw new CommandFailure("USAGE", {
        log: `There is no ${JSON.stringify(field)} to fetch. After hdr.NAME, give one of ` +
          `${[...headerFilters.keys()].filter((name) => name !== "").join(" ")}, or nothing.`,
      });
    };
  }
  // A line without a colon has no name, but can't be fetched by that.
  return ofMessage((message) => write(name === "" ? [] : message.fieldsNamed(name)));
}

const headerFilters: ReadonlyMap<string, (fields: readonly HeaderField[]) => Uint8Array> = new Map([
  ["", (fields) => fromByteString(valuesOf(fields))],
  ["utf8", (fields) => encodeUtf8(fields.map(decodedValue).join("\n"))],
  ["address", (fields) => {
    const addresses = parseAddresses(valuesOf(fields)).map(({ mailbox = "", domain }) => {
      return domain === undefined ? mailbox : `${mailbox}@${domain}`;
    });
    return fromByteString(addresses.join("\n"));
  }],
  ["address_name", (fields) => fromByteString(namesIn(fields).join("\n"))],
  [
    "address_name.utf8",
    (fields) => encodeUtf8(namesIn(fields).map(decodeEncodedWords).join("\n")),
  ],
]);

/** The values of fields, one per line, as a byte string. */
function valuesOf(fields: readonly HeaderField[]): string {
  return fields.map(({ value }) => withoutNuls(value)).join("\n");
}

function decodedValue({ value }: HeaderField): string {
  return decodeEncodedWords(unfold(withoutNuls(value))).replaceAll("\0", " ");
}

function namesIn(fields: readonly HeaderField[]): readonly string[] {
  return parseAddresses(valuesOf(fields)).map(({ name = "" }) => name);
}

/** `body.SECTION` or `binary.SECTION`; `undefined` for another field. */
function sectionField(field: string): Read | undefined {
  const found = /^(body|binary)\.(.*)$/.exec(field);
  const section = found === null ? undefined : parseSection(found[2]);
  if (found === null || section === undefined) return undefined;
  const read = found[1] === "body" ? readSection : readBinarySection;
  return ofMessage((message) => read(message, section));
}

/** The date in the message's header; the epoch if it is missing. */
function sentDate(message: Message): { seconds: number; offset: number } {
  const [field] = message.fieldsNamed("date");
  const { seconds = 0, offset = 0 } = field === undefined
    ? {}
    : parseMessageDate(field.value) ?? {};
  // Dovecot keeps 32 bits of it.
  return { seconds: seconds >>> 0, offset };
}

/**
 * The date in the message's header, with its time zone. The date itself is shown in the server's zone, UTC,
 * or in its own.
 */
export function sentText(message: Message, shownIn: "UTC" | "its zone" = "UTC"): string {
  const { seconds, offset } = sentDate(message);
  const shown = shownIn === "UTC" ? seconds : seconds + offset * 60;
  const minutes = Math.abs(offset);
  const zone = [Math.floor(minutes / 60), minutes % 60].map(twoDigits).join("");
  return `${dateText(new Date(shown * 1000))} (${offset < 0 ? "-" : "+"}${zone})`;
}

/** A date as a server in UTC prints it, so that it is the same wherever tests run. */
function dateText(date: Date): string {
  return date.toISOString().replace("T", " ").replace(/\..*/, "");
}

function secondsText(date: Date): string {
  return String(Math.floor(date.getTime() / 1000));
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
