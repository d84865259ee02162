/**
 * HTTP requests over many connections at once: to Dovecot's own HTTP API, to a handler of ours that passes them on to
 * the same Dovecot's UNIX socket, and to one that has its answers ready; and 1,000 to that one, beside a bare server.
 * The client is another process; CPU and memory are those of our servers, not Dovecot's.
 *
 * @module
 */

import { httpHandler } from "../doveadm/server/mod.ts";
import { passOn } from "../examples/pass_on.ts";
import type { Dovecot, DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import { type HttpListener, listenHttp } from "../transports/mod.ts";
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

const place = { hostname: "127.0.0.1", port: 0 };

/** A handler that has its answers ready. */
async function listenReady(password: string, version: DovecotVersion): Promise<HttpListener> {
  const answer = ({ user = "" }) => ["INBOX", mailboxOf(user)];
  return await listenHttp(place, httpHandler(answer, { password, version }));
}

/** How long the requests of a task take, in milliseconds. */
type Load = (port: number, connections: number, requests: number) => Promise<number>;

/** Starts the client. */
function startLoad(run: Run, password: string): Load & AsyncDisposable {
  const client = new Program(new URL("peers/http_load.ts", import.meta.url), {
    runtime: run.commands.node,
  });
  const load: Load = (port, connections, requests) =>
    client.ask({ port, password, requests, connections } satisfies HttpLoadTask);
  return Object.assign(load, { [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() });
}

async function besideDovecot(run: Run, version: DovecotVersion): Promise<void> {
  // Dovecot is most of it, on each runtime, and takes minutes.
  if (run.result.runtime !== "node") return;
  const requests = run.size(1_000, 3);
  const mail = Object.fromEntries(users.map((user) => [user, { [mailboxOf(user)]: [] }]));
  await withUsers(run, { version, count: USERS, mail }, async (dovecot) => {
    const { password, socket, httpPort } = dovecot;
    await using gateway = await listenHttp(
      place,
      httpHandler(passOn(`doveadm+unix://${socket}`), { password, version }),
    );
    await using ready = await listenReady(password, version);
    await using load = startLoad(run, password);
    // Dovecot starts a process for most requests.
    const some = run.size(50, 3);
    const loading = (port: number, count: number): Way => async (watch) => {
      watch.took(await load(port, CONNECTIONS, count));
      watch.did(count / requests);
    };
    await run.compare({
      name: `over ${CONNECTIONS} connections, Dovecot ${version}`,
      ...{ amount: requests, unit: "requests", leastRounds: 2 },
      ways: {
        "Dovecot's own HTTP": loading(httpPort, some),
        "a handler in front of its socket": loading(gateway.address.port, some),
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

async function besideBare(run: Run): Promise<void> {
  const requests = run.size(1_000, 3);
  const password = "secret";
  await using ready = await listenReady(password, "2.4");
  await using bare = await listenHttp(place, async (request) => {
    const [[, { user }, tag]] = await request.json();
    const rows = ["INBOX", mailboxOf(user)].map((mailbox) => ({ mailbox }));
    return Response.json([["doveadmResponse", rows, tag]]);
  });
  await using load = startLoad(run, password);
  const loading = (port: number): Way => async (watch) =>
    watch.took(await load(port, requests, requests));
  await run.compare({
    name: "each over a connection of its own",
    ...{ amount: requests, unit: "requests", leastRounds: 2 },
    ways: {
      "a bare server": loading(bare.address.port),
      "a handler with ready answers": loading(ready.address.port),
    },
  });
}

/** The bench. */
export const bench: Bench = {
  title: "The HTTP API for many at once",
  parts: {
    "2.3": (run) => besideDovecot(run, "2.3"),
    "2.4": (run) => besideDovecot(run, "2.4"),
    besideBare,
  },
};
