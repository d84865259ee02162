/**
 * The main job on a fresh machine: asks a doveadm server a few things and prints what it answers. The
 * server is the embedded one, which needs nothing installed; `--dovecot` starts a real Dovecot.
 *
 * @module
 */

import process from "node:process";
import { connect, type Doveadm } from "../mod.ts";
import { type MailServer, startMailServer } from "../testing/mod.ts";
import { defaultMail, startDovecot } from "../tests/dovecot/dovecot.ts";

const user = "alice";
const fetched = ["uid", "flags", "hdr.subject", "size.virtual"];

const [option, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (option !== undefined && option !== "--dovecot")) {
  console.error(`"${[option, ...rest].join(" ")}"? The only option is --dovecot.`);
  process.exit(64);
}
if (option === "--dovecot") {
  await using dovecot = await startDovecot();
  console.log(`Dovecot ${dovecot.version} listens at ${dovecot.socket}.`);
  await using doveadm = connect({ path: dovecot.socket });
  await ask(doveadm);
} else {
  await using server: MailServer = await startMailServer({
    users: { [user]: { mailboxes: defaultMail[user], quota: { bytes: 1024 ** 3 } } },
  });
  await using doveadm = connect(server.url);
  console.log(`The embedded server listens at ${doveadm.peer}.`);
  await ask(doveadm);
}

/** Asks the same of either. */
async function ask(doveadm: Doveadm): Promise<void> {
  await show(doveadm, "quota get", [], ["name", "type", "value", "limit", "percent"]);
  await show(doveadm, "mailbox list", [], ["mailbox"]);
  await show(doveadm, "mailbox status", ["messages vsize", "*"], ["mailbox", "messages", "vsize"]);
  await show(doveadm, "search", ["mailbox", "INBOX", "from", "bob"], ["mailbox-guid", "uid"]);
  await show(doveadm, "fetch", [fetched.join(" "), "mailbox", "INBOX"], fetched);
}

/** Runs a command and prints its rows as a table. */
async function show(
  doveadm: Doveadm,
  name: string,
  args: string[],
  columns: string[],
): Promise<void> {
  const { fields } = await doveadm.send({ name, user, args });
  console.log(`\ndoveadm ${name} -u ${user} ${args.map((arg) => JSON.stringify(arg)).join(" ")}`);
  const rows: Record<string, string>[] = [];
  for (let at = 0; at < fields.length; at += columns.length) {
    rows.push(Object.fromEntries(columns.map((column, nr) => [column, fields[at + nr]])));
  }
  console.table(rows);
}
