/**
 * A first demonstration: sends some commands to a doveadm server and prints the answers. The server is the
 * embedded one, which needs no installation; `--dovecot` starts a real Dovecot.
 *
 * @module
 */

import process from "node:process";
import { connect, type DoveadmClient } from "../mod.ts";
import { type MailServer, startMailServer } from "../testing/mod.ts";
import { defaultMail, startDovecot } from "../tests/harness/dovecot/dovecot.ts";

const user = "alice";

const [option, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (option !== undefined && option !== "--dovecot")) {
  console.error(
    `Unknown arguments: "${[option, ...rest].join(" ")}". The only option is --dovecot.`,
  );
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

/** Runs the commands on either server, and prints the answers as tables. */
async function ask(doveadm: DoveadmClient): Promise<void> {
  show("quota get", await doveadm.run("quota get", { user }));
  show("mailbox list", await doveadm.run("mailbox list", { user }));
  show(
    "mailbox status",
    await doveadm.run("mailbox status", {
      user,
      field: ["messages", "vsize"],
      mailboxMask: ["*"],
    }),
  );
  show(
    "search",
    await doveadm.run("search", { user, query: ["mailbox", "INBOX", "from", "bob"] }),
  );
  show(
    "fetch",
    await doveadm.run("fetch", {
      user,
      field: ["uid", "flags", "hdr.subject", "date.received", "size.virtual"],
      query: ["mailbox", "INBOX"],
    }),
  );
}

function show(name: string, rows: readonly object[]): void {
  console.log(`\n${name}`);
  console.table(rows);
}
