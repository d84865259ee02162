/**
 * Repairs the mailboxes of the users whose lines in Dovecot's log say that an index is broken:
 *
 *     DOVEADM_URL=… node examples/sweeps/resync_from_log.ts < /var/log/dovecot.log
 *
 * See program.ts for the environment. Each user is repaired once, however many lines there are.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import type { DoveadmClient } from "../../mod.ts";
import { sweep, type SweepOptions, type SweepResult } from "../../sweep/mod.ts";
import { printFailure, runProgram } from "./program.ts";

/** What Dovecot says of a broken index, cache, or dbox file. */
const broken = new RegExp(
  [
    ...["Corrupted", "Broken file", "is corrupted", "unexpectedly lost", "doesn't exist in index"],
    ...["Synchronization corrupted", "index is corrupted", "fsck(ing|ed)", "Duplicate file entry"],
  ].join("|"),
  "i",
);

/** The user of a line: "imap(alice)<4711><session>: Error: …", or "… lmtp(pid 4711, alice): …". */
const userOfLine =
  /\b[\w-]+\((?:pid \d+, ?)?([^\s()<>]+)\)(?:<[^>]*>)*: (?:Error|Warning|Panic|Fatal): /;

/** Yields the users whose lines ask for it, each once, as soon as the line is there. */
export async function* usersToResync(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string, void, void> {
  const seen = new Set<string>();
  for await (const line of lines) {
    const user = userOfLine.exec(line)?.[1];
    if (user === undefined || seen.has(user) || !broken.test(line)) continue;
    seen.add(user);
    yield user;
  }
}

/** Repairs all mailboxes of the users whose lines ask for it. */
export function resyncFromLog(
  doveadm: DoveadmClient,
  lines: AsyncIterable<string> | Iterable<string>,
  options: SweepOptions = {},
): AsyncGenerator<SweepResult<unknown>, void, void> {
  return sweep(
    usersToResync(lines),
    (user, context) => doveadm.run("force-resync", { user, mailboxMask: "*", fsck: true }, context),
    { ...options, idempotent: true },
  );
}

if (import.meta.main) {
  await runProgram("resync_from_log.ts < LOG", 0, async ({ doveadm, options }) => {
    const lines = createInterface({ input: process.stdin });
    for await (const result of resyncFromLog(doveadm, lines, options)) {
      if (result.ok) console.log(`${result.user}: repaired`);
      else printFailure(result.user, result.error, result.sent);
    }
  });
}
