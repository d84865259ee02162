/**
 * The main job on a fresh machine: starts a Dovecot of its own, asks it a few things, and prints
 * what it answered.
 *
 * @module
 */

import { connect } from "../mod.ts";
import { startDovecot } from "../tests/dovecot/dovecot.ts";

const fetched = ["uid", "flags", "hdr.subject", "size.virtual"];

await using dovecot = await startDovecot();
await using doveadm = connect(`doveadm+unix://${dovecot.socket}`);
const user = "alice";

console.log(`Dovecot ${dovecot.version} listens at ${dovecot.socket}.`);

await show("quota get", [], ["name", "type", "value", "limit", "percent"]);
await show("mailbox list", [], ["mailbox"]);
await show("mailbox status", ["messages vsize", "*"], ["mailbox", "messages", "vsize"]);
await show("search", ["mailbox", "INBOX", "all"], ["mailbox-guid", "uid"]);
await show("fetch", [fetched.join(" "), "mailbox", "INBOX"], fetched);

/** Runs a command and prints its rows as a table. */
async function show(name: string, args: string[], columns: string[]): Promise<void> {
  const { fields } = await doveadm.send({ name, user, args });
  console.log(`\ndoveadm ${name} -u ${user} ${args.map((arg) => JSON.stringify(arg)).join(" ")}`);
  const rows: Record<string, string>[] = [];
  for (let at = 0; at < fields.length; at += columns.length) {
    rows.push(Object.fromEntries(columns.map((column, nr) => [column, fields[at + nr]])));
  }
  console.table(rows);
}
