/**
 * 1,000 HTTP requests at once: to Dovecot's own HTTP API, to a handler of ours that passes them on to the same
 * Dovecot's UNIX socket, and to one that has its answers ready, beside a bare server. The client is another process;
 * CPU and memory are those of our servers, not Dovecot's.
 *
 * @module
 */

import { httpHandler } from "../doveadm/server/mod.ts";
import { passOn } from "../examples/pass_on.ts";
import type { Dovecot, DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import { listenHttp } from "../transports/mod.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { proportionalSize } from "./harness/memory.ts";
import { Program } from "./harness/program.ts";
import type { Way } from "./harness/turns.ts";
import { withUsers } from "./peers/dovecot.ts";
import { type HttpLoadTask, mailboxOf, USERS } from "./peers/http_load.ts";

/** Over how many connections, to all of which Dovecot has a process. */
const CONNECTIONS = 50;

const users = Array.from({ length: USERS }, (_, at) => `user${at}`);

/** The most memory that Dovecot's processes for doveadm take during a task, in MiB. */
async function memoryOfDovecot(dovecot: Dovecot, task: Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  const over = task.finally(() => isOver = true);
  while (!isOver) {
    const processes = await dovecot.processes();
    const sizes = processes.filter(({ command }) => command.includes("/doveadm-server"))
      .map(({ pid }) => proportionalSize(pid) ?? 0);
    most = Math.max(most, sizes.reduce((sum, size) => sum + size, 0) / 1024);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await over;
  return most;
}

async function atOnce(run: Run, version: DovecotVersion): Promise<void> {
  const requests = run.size(1_000, 3);
  const mail = Object.fromEntries(users.map((user) => [user, { [mailboxOf(user)]: [] }]));
  await withUsers(run, { version, count: USERS, mail }, async (dovecot) => {
    const { password, socket, httpPort } = dovecot;
    const place = { hostname: "127.0.0.1", port: 0 };
    await using gateway = await listenHttp(
      place,
      httpHandler(passOn(`doveadm+unix://${socket}`), { password, version }),
    );
    await using ready = await listenHttp(
      place,
      httpHandler(({ user = "" }) => ["INBOX", mailboxOf(user)], { password, version }),
    );
    await using bare = await listenHttp(place, async (request) => {
      const [[, { user }, tag]] = await request.json();
      const rows = ["INBOX", mailboxOf(user)].map((mailbox) => ({ mailbox }));
      return Response.json([["doveadmResponse", rows, tag]]);
    });
    await using client = new Program(new URL("peers/http_load.ts", import.meta.url), {
      runtime: run.commands.node,
    });
    const load = (port: number, connections: number, times = requests): Promise<number> =>
      client.ask({ port, password, requests: times, connections } satisfies HttpLoadTask);
    const loading = (port: number, connections: number): Way => async (watch) =>
      watch.took(await load(port, connections));
    // Dovecot starts a process for most requests: all of them would take minutes.
    const some = run.size(50, 3);
    const loadingSome = (port: number): Way => async (watch) => {
      watch.took(await load(port, CONNECTIONS, some));
      watch.did(some / requests);
    };
    const amount = { amount: requests, unit: "requests", leastRounds: 2 };
    await run.compare({
      name: `over ${CONNECTIONS} connections, Dovecot ${version}`,
      ...amount,
      ways: {
        "Dovecot's own HTTP": loadingSome(httpPort),
        "a handler in front of its socket": loadingSome(gateway.address.port),
        "a handler with ready answers": loading(ready.address.port, CONNECTIONS),
      },
    });
    await run.compare({
      name: `each over a connection of its own, Dovecot ${version}`,
      ...amount,
      ways: {
        "a bare server": loading(bare.address.port, requests),
        "a handler with ready answers": loading(ready.address.port, requests),
      },
    });
    run.record({
      name: `memory of Dovecot ${version}'s processes for ${CONNECTIONS} connections`,
      value: await memoryOfDovecot(dovecot, load(httpPort, CONNECTIONS, some)),
      unit: "MiB",
    });
  });
}

/** The bench. */
export const bench: Bench = {
  title: "The HTTP API for many at once",
  parts: { "2.3": (run) => atOnce(run, "2.3"), "2.4": (run) => atOnce(run, "2.4") },
};
