/**
 * Ways to the quotas of all users of a real Dovecot: `run()` and `rows()` with `allUsers`, over TCP and HTTP;
 * the same with `iterate: "server"`; and Dovecot's own `doveadm`, with `-A -S` as a client of the same server,
 * and with `-A` in its own process.
 *
 * @module
 */

import { connect, type DoveadmClient, type RunOptions } from "../mod.ts";
import type { DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { withUsers } from "./peers/dovecot.ts";
import { checked, type Quotas, quotasByDoveadm } from "./peers/quotas.ts";

function collected(client: DoveadmClient, options: RunOptions = {}): Quotas {
  return async () => (await client.run("quota get", { allUsers: true }, options)).length;
}

function streamed(client: DoveadmClient): Quotas {
  return async () => {
    let rows = 0;
    for await (const _ of client.rows("quota get", { allUsers: true })) rows++;
    return rows;
  };
}

async function allUsers(run: Run, version: DovecotVersion): Promise<void> {
  const count = run.size(500, 3);
  await withUsers(run, { version, count }, async (dovecot) => {
    const { port, httpPort, password } = dovecot;
    await using tcp = connect({ hostname: "127.0.0.1", port }, { password });
    await using http = connect(`http://127.0.0.1:${httpPort}`, { password });
    const server = { iterate: "server" } as const;
    const ways: Readonly<Record<string, Quotas>> = {
      "run(), TCP": collected(tcp),
      "rows(), TCP": streamed(tcp),
      "run(), HTTP": collected(http),
      "rows(), HTTP": streamed(http),
      ...(version === "2.4" ? { 'run(), TCP, iterate: "server"': collected(tcp, server) } : {}),
      'run(), HTTP, iterate: "server"': collected(http, server),
      ...quotasByDoveadm(version, dovecot),
    };
    await run.compare({
      name: `quotas of all users, Dovecot ${version}`,
      // Each user's first quota takes longer, since the server writes a file for it: the first round isn't measured.
      ...{ amount: count, unit: "users", leastRounds: 2 },
      ways: Object.fromEntries(
        Object.entries(ways).map(([name, quotas]) => [name, checked(count, quotas)]),
      ),
    });
  });
}

/** The bench. */
export const bench: Bench = {
  title: "Many users",
  runtimes: ["node"],
  parts: { "2.3": (run) => allUsers(run, "2.3"), "2.4": (run) => allUsers(run, "2.4") },
};
