/**
 * Goes on where a sweep stopped.
 *
 * @module
 */

import { quoteText } from "../core/peer_text.ts";
import { Pause } from "../transports/pause.ts";
import type { SweepState } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { SweepOrderError } from "./sweep_errors.ts";
import type { UserSource } from "./user_source.ts";

/**
 * Takes the users that are done, or open, from the input. Rejects with a {@linkcode SweepOrderError} if they
 * are not those of the journal.
 */
export async function skipDone(
  { position, hash, open }: SweepState,
  source: UserSource,
  ledger: Ledger,
): Promise<void> {
  const openUsers = new Map(open.map((entry) => [entry.index, entry]));
  const pause = new Pause();
  for (let index = 0; index < position; index++) {
    await pause.ifDue();
    const user = await source.next();
    if (user === undefined) {
      // What closed it is the sweep's error.
      if (source.isClosed) return;
      throw orderError(`there are ${index} of them, and ${position} were begun`);
    }
    const entry = openUsers.get(index);
    if (entry !== undefined && entry.user !== user) {
      throw orderError(
        `user ${index} (the first is 0) was ${quoteText(entry.user)}, and is ${
          quoteText(user)
        } now`,
      );
    }
    ledger.skip(user, entry);
  }
  if (ledger.hash !== hash) {
    throw orderError(`among the first ${position}, which were begun, something has changed`);
  }
}

function orderError(how: string): SweepOrderError {
  return new SweepOrderError(
    `The users are not those that the sweep began with: ${how}. Pass the same list in the same order, or ` +
      "begin anew with another journal.",
  );
}
