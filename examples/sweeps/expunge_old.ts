/**
 * Expunges everybody's mail that was saved before a date, in some folders. Without `--expunge` it only counts:
 *
 *     DOVEADM_URL=… node examples/sweeps/expunge_old.ts 2025-12-31 Trash Junk
 *     DOVEADM_URL=… node examples/sweeps/expunge_old.ts --expunge 2025-12-31 Trash Junk
 *
 * See program.ts for the environment. A date of search queries: "2025-12-31", "30 days". Running it again does
 * no harm, so that it goes on after a failure that passes, and with a journal after a kill.
 *
 * @module
 */

import { CommandError, type DoveadmClient } from "../../mod.ts";
import {
  everybody,
  sweep,
  type SweepOptions,
  type SweepResult,
  type SweepUsers,
} from "../../sweep/mod.ts";
import { printFailure, runProgram } from "./program.ts";

/** What to expunge. */
export interface ExpungeOldOptions extends SweepOptions {
  /** Mail that was saved before then. */
  readonly before: string;
  /** The folders, with "*" for any letters; a user may lack some. */
  readonly folders: readonly string[];
  /** Whether it is only counted. */
  readonly isDryRun: boolean;
  /** The users; everybody if left out. */
  readonly users?: SweepUsers;
}

/** Expunges old mail, or counts it; the results have how many mails each user had of it. */
export function expungeOld(
  doveadm: DoveadmClient,
  { before, folders, isDryRun, users = everybody(doveadm), ...options }: ExpungeOldOptions,
): AsyncGenerator<SweepResult<number>, void, void> {
  const inFolders = folders.flatMap((name, at) => [...(at === 0 ? [] : ["or"]), "mailbox", name]);
  const old = ["(", ...inFolders, ")", "savedbefore", before];
  return sweep(users, async (user, context) => {
    let count = 0;
    try {
      for await (const _ of doveadm.rows("search", { user, query: old }, context)) count++;
    } catch (error) {
      // Dovecot 2.3 has it so if there is one folder, and the user lacks it.
      if (!(error instanceof CommandError && error.code === "NOTFOUND")) throw error;
    }
    if (count > 0 && !isDryRun) await doveadm.run("expunge", { user, query: old }, context);
    return count;
  }, { ...options, idempotent: true });
}

if (import.meta.main) {
  const usage = "expunge_old.ts [--expunge] DATE FOLDER…";
  await runProgram(usage, 2, async ({ doveadm, args, options }) => {
    const isDryRun = args[0] !== "--expunge";
    const [before, ...folders] = isDryRun ? args : args.slice(1);
    let total = 0;
    for await (const result of expungeOld(doveadm, { ...options, before, folders, isDryRun })) {
      if (!result.ok) printFailure(result.user, result.error, result.sent);
      else if (result.value > 0) console.log(`${result.user}: ${result.value}`);
      total += result.ok ? result.value : 0;
    }
    console.log(
      `${total} mails ${isDryRun ? 'are old. Add "--expunge" to expunge them.' : "were old."}`,
    );
  });
}
