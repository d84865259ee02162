/**
 * Compares the ways to the quotas of 5,000 users of a real Dovecot: `run()` and `rows()` with `allUsers`,
 * over TCP and HTTP; the same with `iterate: "server"`; and Dovecot's own `doveadm`, with `-A -S` as a
 * client of the same server, and with `-A` in its own process.
 *
 * All are timed in turns in one run; the result is the ratio of the medians of the times, that of `run()`
 * over TCP being 1. Each user's first quota, for which the server writes a file, is counted before. An
 * argument is the number of users. `deno task bench` runs it on Deno, Node and Bun, each for Dovecot 2.3
 * and 2.4.
 *
 * @module
 */

import process from "node:process";
import { connect, type DoveadmClient, type RunOptions } from "../mod.ts";
import type { Dovecot, DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import { quotasByDoveadm } from "./dovecot_program.ts";
import { timeInTurns, type Way, withUsers } from "./quotas.ts";

const count = Number(process.argv[2] ?? 5000);
const rounds = 3;

function run(client: DoveadmClient, options: RunOptions = {}): Way {
  return async () => (await client.run("quota get", { allUsers: true }, options)).length;
}

function rows(client: DoveadmClient): Way {
  return async () => {
    let rows = 0;
    for await (const _ of client.rows("quota get", { allUsers: true })) rows++;
    return rows;
  };
}

async function compare(dovecot: Dovecot, version: DovecotVersion): Promise<void> {
  const { port, httpPort, password } = dovecot;
  await using tcp = connect({ hostname: "127.0.0.1", port }, { password });
  await using http = connect(`http://127.0.0.1:${httpPort}`, { password });
  const server = { iterate: "server" } as const;
  const ways: Record<string, Way> = {
    "run(), TCP": run(tcp),
    "rows(), TCP": rows(tcp),
    "run(), HTTP": run(http),
    "rows(), HTTP": rows(http),
    ...(version === "2.4" ? { 'run(), TCP, iterate: "server"': run(tcp, server) } : {}),
    'run(), HTTP, iterate: "server"': run(http, server),
    "doveadm -A -S": quotasByDoveadm(version, dovecot, "-S", `127.0.0.1:${port}`),
    "doveadm -A": quotasByDoveadm(version, dovecot),
  };
  const times = await timeInTurns(ways, { count, rounds });
  console.log(`Dovecot ${version}, ${count} users`);
  const base = times["run(), TCP"];
  for (const name of Object.keys(ways)) {
    const time = times[name];
    console.log(
      `  ${name.padEnd(32)} ${time.toFixed(0).padStart(6)} ms  ${(time / base).toFixed(2)} times`,
    );
  }
}

for (const version of ["2.3", "2.4"] as const) {
  await withUsers(version, count, (dovecot) => compare(dovecot, version));
}
