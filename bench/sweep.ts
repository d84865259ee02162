/**
 * Compares a sweep over 10,000 users of a real Dovecot, with and without a journal in a file, with as many bare
 * connections as its client has, to each of which all commands of its share are written at once; and with
 * Dovecot's own `doveadm`, with `-A -S` as a client of the same server, and with `-A` in its own process.
 *
 * All are timed in turns in one run; the result is the ratio of the medians of the rates, that of the bare
 * connections being 1. Each user's first quota, for which the server writes a file, is counted before.
 * Arguments are the number of users, and that of rounds. `deno task bench sweep` runs it on Deno, Node and Bun,
 * each for Dovecot 2.3 and 2.4.
 *
 * @module
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { connect, DoveadmConnection } from "../mod.ts";
import { sweep } from "../sweep/mod.ts";
import type { Dovecot, DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { quotasByDoveadm } from "./dovecot_program.ts";
import { timeInTurns, type Way, withUsers } from "./quotas.ts";

const count = Number(process.argv[2] ?? 10_000);
const rounds = Number(process.argv[3] ?? 3);

/** How many connections there are. */
const width = 10;

/** Bare connections, to each of which its share of the commands is written at once. */
function bare({ port, password }: Dovecot, users: readonly string[]): Way {
  return async () => {
    const shares = Array.from(
      { length: width },
      (_, at) => users.filter((_, index) => index % width === at),
    );
    const counts = await Promise.all(shares.map(async (share) => {
      const address = { transport: "tcp", hostname: "127.0.0.1", port } as const;
      const transport = await connectTransport(address);
      await using connection = await DoveadmConnection.open(transport, { password });
      const answers = await Promise.all(
        share.map((user) => connection.send({ name: "quota get", user }, { timeout: 0 })),
      );
      return answers.reduce((sum, { fields }) => sum + fields.length / 5, 0);
    }));
    return counts.reduce((sum, rows) => sum + rows, 0);
  };
}

/** A sweep, with a journal at a path if there is one. */
function sweeping({ port, password }: Dovecot, users: readonly string[], journal?: string): Way {
  return async () => {
    await using doveadm = connect({ hostname: "127.0.0.1", port }, {
      ...{ password, maxConnections: width },
    });
    let rows = 0;
    const results = sweep(
      users,
      (user, context) => doveadm.run("quota get", { user }, context),
      { idempotent: true, concurrency: 2 * width, journal },
    );
    for await (const result of results) if (result.ok) rows += result.value.length;
    if (journal !== undefined) await rm(journal);
    return rows;
  };
}

async function compare(dovecot: Dovecot, version: DovecotVersion): Promise<void> {
  const { users, folder, port } = dovecot;
  const ways: Record<string, Way> = {
    "bare connections": bare(dovecot, users),
    "sweep": sweeping(dovecot, users),
    "sweep, journal": sweeping(dovecot, users, join(folder, "journal")),
    "doveadm -A -S": quotasByDoveadm(version, dovecot, "-S", `127.0.0.1:${port}`),
    "doveadm -A": quotasByDoveadm(version, dovecot),
  };
  const times = await timeInTurns(ways, { count, rounds });
  console.log(`Dovecot ${version}, ${count} users, ${width} connections`);
  const base = times["bare connections"];
  for (const name of Object.keys(ways)) {
    const time = times[name];
    const rate = (count / time * 1000).toFixed(0).padStart(6);
    console.log(`  ${name.padEnd(20)} ${rate} users a second  ${(base / time).toFixed(2)}`);
  }
}

for (const version of ["2.3", "2.4"] as const) {
  await withUsers(version, count, (dovecot) => compare(dovecot, version));
}
