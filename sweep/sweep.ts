/**
 * Runs something for very many users.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { systemClock } from "../transports/timers.ts";
import {
  checkSweepOptions,
  type SweepOptions,
  type SweepUsers,
  type SweepWork,
} from "./sweep_options.ts";
import type { SweepResult } from "./sweep_result.ts";
import { SweepRun } from "./sweep_run.ts";
import { checkUsers } from "./user_source.ts";

/**
 * Does something for each of any number of users, for several at a time, and yields what became of each, in
 * the order in which they end. A failure is a result, too, and the sweep goes on. Users are taken as they
 * are needed, so that the memory in use doesn't depend on how many there are.
 *
 * With a journal, the sweep goes on where it stopped when it is called again with the same users in the same
 * order, also after its process was killed. A user is done as soon as the loop asks for the next result
 * after that user's: nothing is begun twice for a user who is done. Of those that were under way, at most
 * `concurrency`, idempotent work is run again; for other work the result is a failure with `sent: true`,
 * since it may have been done. (A journal whose sweep has come to its end has nothing left to do.)
 *
 * Leaving the loop early, and the `signal`, abort the context's signal and wait for the work that is under
 * way; what succeeds still counts, and the rest is under way for the journal.
 *
 * After the last result it throws an `AbortError` if the signal aborted, what the input threw if it did, a
 * {@linkcode SweepOrderError} if the users come in another order than the journal says, and a
 * {@linkcode JournalError} if the journal failed. Throws a `LocalProtocolError` for invalid options.
 *
 * @example
 * ```ts
 * import { connect } from "@dovewire/dovewire";
 * import { everybody, sweep } from "@dovewire/dovewire/sweep";
 * import { startMailServer } from "@dovewire/dovewire/testing";
 *
 * await using server = await startMailServer({ users: { alice: {}, bob: {} } });
 * await using doveadm = connect(server.url);
 * const quotas = sweep(
 *   everybody(doveadm),
 *   (user, context) => doveadm.run("quota get", { user }, context),
 *   { idempotent: true, onProgress: ({ done, total }) => console.log(`${done} of ${total}`) },
 * );
 * for await (const result of quotas) {
 *   if (result.ok) console.log(result.user, result.value[0].value);
 *   else console.log(result.user, result.error.message);
 * }
 * ```
 */
export function sweep<Value>(
  users: SweepUsers,
  work: SweepWork<Value>,
  options: SweepOptions = {},
): AsyncGenerator<SweepResult<Value>, void, void> {
  checkUsers(users);
  if (typeof work !== "function") {
    throw new LocalProtocolError(`The work is a ${typeof work}. Pass a function.`);
  }
  const checked = checkSweepOptions(options);
  return resultsOf(
    new SweepRun(users, work, { ...checked, clock: systemClock, random: Math.random }),
  );
}

/** The results of a run, which starts with the first one that is asked for. */
export async function* resultsOf<Value>(
  run: SweepRun<Value>,
): AsyncGenerator<SweepResult<Value>, void, void> {
  try {
    for (let result; (result = await run.next()) !== undefined;) yield result;
  } finally {
    await run.close();
  }
}
