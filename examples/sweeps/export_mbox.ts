/**
 * Writes all mail of some users to mbox files, one for each mailbox, as before a migration:
 *
 *     DOVEADM_URL=… node examples/sweeps/export_mbox.ts FOLDER USER…
 *
 * See program.ts for the environment. The files are FOLDER/USER/MAILBOX.mbox, with "/" and other signs in the
 * names escaped as in URLs; an existing one is replaced when its new content is complete. Mail of any size
 * passes through in little memory.
 *
 * @module
 */

import { createWriteStream } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DoveadmClient } from "../../mod.ts";
import { sweep, type SweepOptions, type SweepResult } from "../../sweep/mod.ts";
import { MboxQuoting } from "./mbox_quoting.ts";
import { allMailOf } from "./one_mailbox.ts";
import { printFailure, runProgram } from "./program.ts";

/** Whose mail to export, and where to. */
export interface ExportMboxOptions extends SweepOptions {
  readonly users: Iterable<string> | AsyncIterable<string>;
  readonly folder: string;
}

/** Exports mail; a result's value is how many mailboxes the user has. */
export function exportMbox(
  doveadm: DoveadmClient,
  { users, folder, ...options }: ExportMboxOptions,
): AsyncGenerator<SweepResult<number>, void, void> {
  return sweep(users, async (user, context) => {
    const { signal } = context;
    const place = join(folder, fileName(user));
    await mkdir(place, { recursive: true, mode: 0o700 });
    const mailboxes = await doveadm.run("mailbox list", { user }, context);
    for (const { mailbox } of mailboxes) {
      const file = join(place, `${fileName(mailbox)}.mbox`);
      const target = createWriteStream(`${file}.new`, { mode: 0o600 });
      await pipeline(mboxOf(doveadm, { user, mailbox, signal }), target, { signal });
      await rename(`${file}.new`, file);
    }
    return mailboxes.length;
  }, { ...options, idempotent: true });
}

/** The bytes of an mbox with the mail of a mailbox. */
async function* mboxOf(
  doveadm: DoveadmClient,
  { user, mailbox, signal }: {
    readonly user: string;
    readonly mailbox: string;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array, void, void> {
  const query = await allMailOf(doveadm, { user, mailbox }, { signal });
  const args = ["date.received.unixtime text", ...query];
  let received: string | undefined;
  for await (const field of doveadm.stream({ name: "fetch", user, args }, { signal })) {
    if (received === undefined) {
      received = await field.text();
      continue;
    }
    yield new TextEncoder().encode(`From MAILER-DAEMON ${asctime(Number(received))}\n`);
    received = undefined;
    const quoting = new MboxQuoting();
    for await (const chunk of field) yield quoting.push(chunk);
    yield quoting.end();
  }
}

/** A time as in "Mon Jan  5 11:30:00 2026", in UTC. */
function asctime(seconds: number): string {
  const [day, date, month, year, time] = new Date(seconds * 1000).toUTCString().split(/,? /);
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`;
}

/** A name that is one part of a path. */
function fileName(name: string): string {
  return encodeURIComponent(name).replace(/^\.+/, (dots) => dots.replaceAll(".", "%2E"));
}

if (import.meta.main) {
  await runProgram("export_mbox.ts FOLDER USER…", 2, async ({ doveadm, args, options }) => {
    const [folder, ...users] = args;
    for await (const result of exportMbox(doveadm, { ...options, folder, users })) {
      if (result.ok) console.log(`${result.user}: ${result.value} mailboxes`);
      else printFailure(result.user, result.error, result.sent);
    }
  });
}
