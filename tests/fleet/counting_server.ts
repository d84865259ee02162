/**
 * A doveadm server that counts for whom commands came.
 *
 * @module
 */

import { serve } from "@dovewire/dovewire/server";

/** A server that answers with the user's name. */
export interface CountingServer extends AsyncDisposable {
  readonly url: string;
  /** How often a command came for each user. */
  readonly runs: ReadonlyMap<string, number>;
  /** How many commands came. */
  readonly total: number;
  /** Called when a command has come; the answer waits for it. */
  onCommand: (user: string) => void | Promise<void>;
}

/** Starts a server at a UNIX socket. */
export async function startCountingServer(path: string): Promise<CountingServer> {
  const runs = new Map<string, number>();
  let total = 0;
  const server = await serve({ path }, async function* ({ user = "" }) {
    runs.set(user, (runs.get(user) ?? 0) + 1);
    total++;
    await counting.onCommand(user);
    yield user;
  });
  const counting: CountingServer = {
    ...{ url: `doveadm+unix://${path}`, runs, onCommand: () => {} },
    get total() {
      return total;
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
  return counting;
}
