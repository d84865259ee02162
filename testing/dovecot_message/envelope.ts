/**
 * IMAP's ENVELOPE (RFC 3501, 7.4.2), as Dovecot writes it.
 *
 * @module
 */

import { type MailAddress, parseEnvelopeAddresses } from "./addresses.ts";
import { toByteString } from "../../core/byte_string.ts";
import type { HeaderField } from "./headers.ts";
import { imapLine, imapReadable, imapString } from "./imap_strings.ts";

/** The fields with addresses, in an envelope's order. */
const addressFields = ["from", "sender", "reply-to", "to", "cc", "bcc"] as const;

/**
 * The envelope of a header, a byte string without the parentheses around it. If an address field occurs
 * several times, all count; of other fields the last one counts.
 */
export function envelope(fields: readonly HeaderField[]): string {
  const texts = new Map<string, string>();
  const addresses = new Map<string, MailAddress[]>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (addressFields.some((wanted) => wanted === name)) {
      const list = addresses.get(name) ?? [];
      for (const address of parseEnvelopeAddresses(valueOf(field))) list.push(address);
      addresses.set(name, list);
    } else texts.set(name, withoutNuls(valueOf(field)));
  }
  const subject = texts.get("subject");
  const from = addressList(addresses.get("from"));
  return [
    imapLine(texts.get("date")),
    subject === undefined ? "NIL" : imapReadable(subject),
    from,
    ...addressFields.slice(1).map((name) => {
      const list = addressList(addresses.get(name));
      return list === "NIL" && (name === "sender" || name === "reply-to") ? from : list;
    }),
    imapLine(texts.get("in-reply-to")),
    imapLine(texts.get("message-id")),
  ].join(" ");
}

/**
 * A field's value, a byte string, with LF for line ends. Leading blanks aren't part of it, unless its
 * first line is otherwise empty: then all but one of them are.
 */
export function valueOf(field: HeaderField): string {
  const { value } = field;
  if (value !== "" && !value.startsWith("\n")) return value;
  const [, blanks = ""] = /:[ \t]?([ \t]*)/.exec(toByteString(field.bytes)) ?? [];
  return blanks + value;
}

/** A byte string with U+FFFD in place of each NUL. */
export function withoutNuls(text: string): string {
  return text.replaceAll("\0", "\xef\xbf\xbd");
}

function addressList(addresses: readonly MailAddress[] = []): string {
  if (addresses.length === 0) return "NIL";
  const texts = addresses.map(({ name, route, mailbox, domain }) => {
    const parts = [
      name === undefined ? "NIL" : imapReadable(name),
      imapString(route),
      imapString(mailbox),
      imapString(domain),
    ];
    return `(${parts.join(" ")})`;
  });
  return `(${texts.join("")})`;
}
