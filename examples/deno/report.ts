/**
 * Tells what a user's mailboxes have, with a name for each that can be pasted anywhere:
 *
 *     deno run --allow-net=HOST report.ts USER < url
 *
 * Standard input has the URL for `connect`.
 *
 * @module
 */

import { connect, type Doveadm } from "@dovewire/dovewire";
import { encodeBase58 } from "@std/encoding/base58";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { toText } from "@std/streams/to-text";

/** A line of the report. */
export interface ReportLine {
  /** The mailbox's name. */
  readonly mailbox: string;
  /** Its GUID, 32 hexadecimal digits in Dovecot, in base58: at most 22 letters and digits. */
  readonly id: string;
  /** How many messages it has. */
  readonly messages: number;
  /** A fingerprint of its newest message, the first 8 bytes of its SHA-256; "" if there is none. */
  readonly newest: string;
}

/** A line for each mailbox of a user, sorted by name. */
export async function reportOf(
  doveadm: Pick<Doveadm, "run">,
  user: string,
): Promise<readonly ReportLine[]> {
  const rows = await doveadm.run("mailbox status", {
    user,
    field: ["guid", "messages"],
    mailboxMask: ["*"],
  });
  const lines: ReportLine[] = [];
  for (const { mailbox, guid, messages } of rows) {
    const id = encodeBase58(decodeHex(guid));
    lines.push({ mailbox, id, messages, newest: await newestIn(doveadm, user, guid) });
  }
  return lines.sort((a, b) => a.mailbox < b.mailbox ? -1 : 1);
}

async function newestIn(
  doveadm: Pick<Doveadm, "run">,
  user: string,
  mailboxGuid: string,
): Promise<string> {
  // Not by its name, in which "*" and "%" would stand for any letters.
  const query = ["mailbox-guid", mailboxGuid, "*"];
  const [mail] = await doveadm.run("fetch", { user, field: ["text"], query });
  if (mail === undefined) return "";
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(mail.text));
  return encodeHex(digest.slice(0, 8));
}

if (import.meta.main) {
  const [user] = Deno.args;
  if (user === undefined) {
    console.error("Usage: report.ts USER, with the URL in standard input");
    Deno.exit(2);
  }
  await using doveadm = connect((await toText(Deno.stdin.readable)).trim());
  console.table(await reportOf(doveadm, user));
}
