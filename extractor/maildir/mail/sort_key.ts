/**
 * Sort keys of mails that come from their headers.
 *
 * @module
 */

import { firstField } from "./header.ts";
import { decodeField, parseMailboxes } from "./words.ts";

/** The maximum length of a sort key: keys that differ later are equal. */
const maxKeyLength = 256;

/**
 * A mail's sort key, read from its start or from its header. It is in lower case, and must be compared by
 * code units.
 *
 * - "sender": the address of the first mailbox of the header From, its name if it has no address
 * - "subject": the decoded subject; "Re:" and the like belong to it
 *
 * "" if there is none. Only that field is decoded, and nothing after it is read.
 *
 * @example
 * ```ts
 * import { sortKey } from "./sort_key.ts";
 * import assert from "node:assert/strict";
 *
 * const header = new TextEncoder().encode("Subject: =?utf-8?Q?=C3=84pfel?=\nFrom: Joe <Joe@example.org>\n\n");
 * assert.equal(sortKey(header, "subject"), "äpfel");
 * assert.equal(sortKey(header, "sender"), "joe@example.org");
 * ```
 */
export function sortKey(header: Uint8Array, key: "sender" | "subject"): string {
  const value = firstField(header, key === "sender" ? "from" : "subject")?.slice(0, maxFieldLength);
  if (value === undefined || value === "") return "";
  return shorten(key === "subject" ? decodeField(value) : senderOf(value)).toLowerCase();
}

/** How many bytes of a field are read: encoded, a key may take twelve times its length. */
const maxFieldLength = 8192;

function senderOf(value: string): string {
  const [first] = parseMailboxes(value, 100);
  return first === undefined ? "" : first.address || first.name;
}

/** A copy: a short key must not keep the long text in memory. */
function shorten(text: string): string {
  return text.length <= maxKeyLength ? text : text.slice(0, maxKeyLength).toWellFormed();
}
