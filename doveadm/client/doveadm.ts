/**
 * The high-level client: it opens connections as needed and handles server quirks.
 *
 * @module
 */

import { ConnectionCalls } from "./connection_calls.ts";
import { DoveadmClient } from "./doveadm_client.ts";
import type { DoveadmOptions } from "./doveadm_options.ts";
import type { PoolStats } from "./pool/pool_stats.ts";
import type { DoveadmTarget } from "./target.ts";

/**
 * A client for a doveadm server: a pool of up to `maxConnections` connections, which are opened when
 * commands need them, kept, and replaced.
 *
 * - Commands of one user run one at a time, in the order of the calls; those of different users run at the
 *   same time.
 * - Each command gets a connection that suits it: commands that act on mail share connections, and so do
 *   plain ones such as `who` and `user`; the others get a fresh one, since on a used one Dovecot mixes up
 *   their rows or aborts them.
 * - What was never sent is sent on another connection, within its time limit. What was sent is sent again
 *   only if its options say `idempotent: true`; else its error has `sent: true`.
 *
 * @example
 * ```ts
 * import { Doveadm } from "@dovewire/dovewire";
 * import { startMailServer } from "@dovewire/dovewire/testing";
 *
 * await using server = await startMailServer({ users: { alice: {}, bob: {} } });
 * await using doveadm = new Doveadm(server.url, {
 *   password: server.password,
 *   onEvent: (event) => event.type === "opened" && console.log("connection", event.connection),
 * });
 * await doveadm.ready();
 * const users = ["alice", "bob"];
 * await Promise.all(users.map((user) => doveadm.run("mailbox list", { user })));
 * console.log(doveadm.stats().totals);
 * ```
 */
export class Doveadm extends DoveadmClient {
  readonly #calls: ConnectionCalls;

  /**
   * Creates a client, as `connect()` does. Throws a `LocalProtocolError` for an invalid target or option.
   */
  constructor(target: string | URL | DoveadmTarget, options: DoveadmOptions = {}) {
    const calls = new ConnectionCalls(target, options);
    super(calls, options);
    this.#calls = calls;
  }

  /** How many connections there are, what they do, how many calls wait, and sums since the start. */
  stats(): PoolStats {
    return this.#calls.stats();
  }
}
