/**
 * A sweep over very many users of a real Dovecot, with and without a journal in a file, beside as many bare
 * connections as its client has, to each of which all commands of its share are written at once; beside those with
 * one command at a time, as a pool has them; and beside Dovecot's own `doveadm`, with `-A -S` as a client of the
 * same server, and with `-A` in its own process.
 *
 * @module
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { connect, DoveadmConnection } from "../mod.ts";
import { sweep } from "../sweep/mod.ts";
import type { Dovecot, DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { withUsers } from "./peers/dovecot.ts";
import { checked, type Quotas, quotasByDoveadm } from "./peers/quotas.ts";

/** The least ratio of a sweep. */
const LEAST = 0.95;

/** How many connections there are. */
const WIDTH = 10;

/** Bare connections, each with as many commands of its share under way. */
function bare({ port, password, users }: Dovecot, commands: number): Quotas {
  return async () => {
    const shares = Array.from(
      { length: WIDTH },
      (_, at) => users.filter((_, index) => index % WIDTH === at),
    );
    const counts = await Promise.all(shares.map(async (share) => {
      const address = { transport: "tcp", hostname: "127.0.0.1", port } as const;
      const transport = await connectTransport(address);
      await using connection = await DoveadmConnection.open(transport, { password });
      const rest = share.values();
      let values = 0;
      const callers = Array.from({ length: Math.min(commands, share.length) }, async () => {
        for (const user of rest) {
          const { fields } = await connection.send({ name: "quota get", user }, { timeout: 0 });
          values += fields.length;
        }
      });
      await Promise.all(callers);
      return values / 5;
    }));
    return counts.reduce((sum, rows) => sum + rows, 0);
  };
}

/** A sweep, with a journal at a path if there is one. */
function sweeping({ port, password, users }: Dovecot, journal?: string): Quotas {
  return async () => {
    await using doveadm = connect({ hostname: "127.0.0.1", port }, {
      ...{ password, maxConnections: WIDTH },
    });
    let rows = 0;
    const results = sweep(
      users,
      (user, context) => doveadm.run("quota get", { user }, context),
      { idempotent: true, concurrency: 2 * WIDTH, journal },
    );
    for await (const result of results) if (result.ok) rows += result.value.length;
    if (journal !== undefined) await rm(journal);
    return rows;
  };
}

async function quotas(run: Run, version: DovecotVersion): Promise<void> {
  const count = run.size(500, 3);
  await withUsers(run, { version, count }, async (dovecot) => {
    const ways: Readonly<Record<string, Quotas>> = {
      "bare connections": bare(dovecot, Infinity),
      "bare, one command at a time": bare(dovecot, 1),
      "sweep": sweeping(dovecot),
      "sweep, journal": sweeping(dovecot, join(dovecot.folder, "journal")),
      ...quotasByDoveadm(version, dovecot),
    };
    await run.compare({
      name: `quotas by a sweep, Dovecot ${version}`,
      // Each user's first quota takes longer, since the server writes a file for it: the first round isn't measured.
      ...{ amount: count, unit: "users", leastRounds: 2 },
      ways: Object.fromEntries(
        Object.entries(ways).map(([name, quotas]) => [name, checked(count, quotas)]),
      ),
      goals: { "sweep": { least: LEAST }, "sweep, journal": { least: LEAST } },
    });
  });
}

/** The bench. */
export const bench: Bench = {
  title: "Sweeps",
  runtimes: ["node"],
  parts: { "2.3": (run) => quotas(run, "2.3"), "2.4": (run) => quotas(run, "2.4") },
};
