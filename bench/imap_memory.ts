/**
 * What a connection through the relay takes in memory while its client's command waits: live, and frozen, above two
 * bare sockets of the same runtime; and how long a frozen one takes to answer. The peers are on Node.
 *
 * `deno task bench` runs it on Deno, Node and Bun; its argument is the path of Node. Each kind of connection gets a
 * process of its own, whose second argument is the kind.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect as dial, createServer } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { continuation, defineCommand, ok, sleep } from "../imap/mod.ts";
import { serveRelay } from "../imap/relay/mod.ts";
import { connect, listen } from "../transports/mod.ts";
import type { IdlersTask } from "./imap/idlers.ts";

const KINDS = ["bare", "live", "frozen"] as const;

/** How many connections are measured, and how many are opened before. */
const CONNECTIONS = 2000;
const WARM_UP = 1000;
const WAKES = 200;

/** The goals: KiB above bare sockets, live; the part of that, frozen; milliseconds until the answer of a frozen one. */
const MOST_LIVE = 24;
const MOST_FROZEN = 0.25;
const MOST_TIME = 5;

const hostname = "127.0.0.1";
const [, file, node, kind] = process.argv;

/** What a process found out. */
interface Result {
  /** A connection's memory, in KiB: of the process (PSS), and of its heap alone, without what is free in it. */
  readonly memory: number;
  readonly heap: number;
  /** How long answers took, in milliseconds. */
  readonly times: readonly number[];
}

const xsleep = defineCommand(
  { name: "XSLEEP", args: [], isLongRunning: true },
  async function* (_args, _session, { signal, state }) {
    if (state === undefined) yield continuation("sleeping");
    return signal.aborted ? ok("Done.") : sleep({ known: ["one", "two", "three"] });
  },
);

/** Passes connections on without a look at them: what two sockets take. */
async function startBare(port: number): Promise<number> {
  if ("Deno" in globalThis) {
    const listener = Deno.listen({ hostname, port: 0 });
    void (async () => {
      for await (const client of listener) {
        kept.push(client, await Deno.connect({ hostname, port }));
      }
    })();
    return listener.addr.port;
  }
  const server = createServer({ pauseOnConnect: true }, (client) => {
    const upstream = dial({ port, host: hostname });
    upstream.pause();
    kept.push(client, upstream);
  });
  server.listen(0, hostname);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const kept: unknown[] = [];

async function startRelay(
  port: number,
  freezeAfter: number,
): Promise<[number, (opened: number) => boolean]> {
  const relay = serveRelay(await listen({ transport: "tcp", hostname, port: 0 }), {
    connect: ({ signal }) => connect({ transport: "tcp", hostname, port }, { signal }),
    ...{ maxConnections: Infinity, maxConnectionsPerAddress: Infinity },
    ...{ maxUnauthenticated: Infinity, commands: [xsleep], freezeAfter },
    onError: (error) => console.error(error),
  });
  const { address } = relay;
  if (address.transport !== "tcp") throw new Error("The relay has no port.");
  const isReady = (opened: number) =>
    relay.connections === opened && (freezeAfter === 0 || relay.frozenConnections === opened);
  return [address.port, isReady];
}

/** This process's memory in KiB, after what is unused was given back as far as possible. */
async function measureMemory(): Promise<Pick<Result, "memory" | "heap">> {
  for (let turn = 0; turn < 10; turn++) {
    (globalThis as { gc?: () => void }).gc?.();
    (globalThis as { Bun?: { gc(isSync: boolean): void } }).Bun?.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const [, size] = /^Pss: +(\d+) kB/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))!;
  const { heapUsed, external } = process.memoryUsage();
  return { memory: Number(size), heap: (heapUsed + external) / 1024 };
}

/** Measures one kind of connections. */
async function measure(): Promise<Result> {
  const peers = spawn(node, [fileURLToPath(new URL("imap/idlers.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: peers.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value!);
  const upstream: number = await next();
  const [port, isReady] = kind === "bare"
    ? [await startBare(upstream), (opened: number) => kept.length === 2 * opened] as const
    : await startRelay(upstream, kind === "frozen" ? 100 : 0);
  let opened = 0;
  const ask = async (task: Omit<IdlersTask, "port">): Promise<number[]> => {
    peers.stdin.write(`${JSON.stringify({ port, ...task })}\n`);
    const times = await next();
    if (task.kind !== "wake") opened += task.count;
    while (!isReady(opened)) await new Promise((resolve) => setTimeout(resolve, 50));
    return times;
  };
  const open = kind === "bare" ? "connect" : "idle";
  await ask({ kind: open, count: WARM_UP });
  const before = await measureMemory();
  await ask({ kind: open, count: CONNECTIONS });
  const after = await measureMemory();
  const times = kind === "bare" ? [] : await ask({ kind: "wake", count: WAKES });
  peers.stdin.end();
  return {
    memory: (after.memory - before.memory) / CONNECTIONS,
    heap: (after.heap - before.heap) / CONNECTIONS,
    times,
  };
}

async function measureApart(kind: string): Promise<Result> {
  const gc = "Deno" in globalThis
    ? ["run", "-A", "--v8-flags=--expose-gc"]
    : "Bun" in globalThis
    ? []
    : ["--expose-gc"];
  const child = spawn(process.execPath, [...gc, file, node, kind], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  return JSON.parse(text);
}

if (kind !== undefined) {
  console.log(JSON.stringify(await measure()));
  process.exit();
}
const results: Record<string, Result> = {};
for (const kind of KINDS) results[kind] = await measureApart(kind);
const bare = results.bare.memory;
const live = results.live.memory - bare;
console.table(KINDS.map((kind) => {
  const { memory, heap, times } = results[kind];
  const above = memory - bare;
  const most = kind === "live" ? MOST_LIVE : live * MOST_FROZEN;
  const slowest = times.at(-1) ?? 0;
  return {
    kind,
    "KiB": Number(memory.toFixed(1)),
    "KiB above bare": Number(above.toFixed(1)),
    "heap above bare": Number((heap - results.bare.heap).toFixed(1)),
    "median ms": times.length === 0 ? "" : Number(times[times.length >> 1].toFixed(2)),
    "slowest ms": times.length === 0 ? "" : Number(slowest.toFixed(2)),
    met: kind === "bare" || above <= most && (kind === "live" || slowest < MOST_TIME),
  };
}));
