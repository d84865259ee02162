/**
 * What the client's spare connections save at a real Dovecot 2.3, and the memory of calls that wait. What the pool
 * costs beside connections that are kept by hand is in the benches of small commands.
 *
 * @module
 */

import { connect, Doveadm, type DoveadmOptions } from "../mod.ts";
import { memoryPair } from "../transports/memory.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { collectGarbage, memoryNow } from "./harness/memory.ts";
import type { Way } from "./harness/turns.ts";
import { withUsers } from "./peers/dovecot.ts";

/** The first command of a client that has no used connection. */
async function firstCommand(run: Run): Promise<void> {
  await withUsers(run, { count: 1 }, async ({ socket, users: [user] }) => {
    const first = (options: DoveadmOptions): Way => async (watch) => {
      await using doveadm = connect({ path: socket }, options);
      if (options.spares !== 0) await doveadm.ready();
      watch.start();
      await doveadm.run("mailbox list", { user });
      watch.stop();
    };
    await run.compare({
      name: "the first command of a client",
      ...{ amount: 1, unit: "commands", rounds: 50 },
      ways: { "without a spare": first({ spares: 0 }), "with a spare": first({ spares: 1 }) },
    });
  });
}

/** Calls that wait for a connection which never comes. */
async function waiting(run: Run): Promise<void> {
  await using client = new Doveadm({ path: "/server" }, {
    maxQueue: 1_000_000,
    connector: () => Promise.resolve(memoryPair()[0]),
    handshakeTimeout: 0,
  });
  const { signal } = new AbortController();
  const count = run.size(100_000, 10);
  collectGarbage();
  const before = memoryNow();
  const calls = Array.from(
    { length: count },
    (_, at) => client.run("quota get", { user: `u${at % 1_000}` }, { signal }),
  );
  for (const call of calls) call.catch(() => {});
  collectGarbage();
  const after = memoryNow();
  const name = `a call of ${count} that wait`;
  run.record({ name: `${name}, heap`, value: (after.heap - before.heap) / count, unit: "KiB" });
  run.record({
    name: `${name}, memory`,
    value: (after.resident - before.resident) / count,
    unit: "KiB",
  });
}

/** The bench. */
export const bench: Bench = { title: "The pool", parts: { firstCommand, waiting } };
