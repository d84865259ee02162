/**
 * What the relay costs: imapflow, on Node, does the same through the relay, through a bare pipe of the same
 * runtime, and directly; all in turns in one run. Then many clients idle behind a server that is scripted.
 *
 * `deno task bench` runs it on Deno, Node and Bun; its argument is a {@linkcode Setting} as JSON.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { serveRelay } from "../imap/relay/mod.ts";
import { connect, listen } from "../transports/mod.ts";
import type { Task } from "./imap/client.ts";
import { startPipe } from "./imap/pipe.ts";

/** Where the parts of the benchmark are. */
export interface Setting {
  /** The port on 127.0.0.1 of a Dovecot with the mails. */
  readonly port: number;
  /** How many mails there are in INBOX. */
  readonly mails: number;
  /** The path of Node. */
  readonly node: string;
}

/** The goals: the most times as long as directly, and the most milliseconds more for a NOOP. */
const MOST_TIMES = 1.15;
const MOST_MORE = 0.15;

const ROUNDS = 11;
const WARM_UP = 2;
const NOOPS = 2000;
const IDLERS = 2000;

const setting: Setting = JSON.parse(process.argv[2]);
const hostname = "127.0.0.1";

/** A program of this folder, on Node. */
class Program implements AsyncDisposable {
  #child: ChildProcessWithoutNullStreams;
  #lines: AsyncIterator<string>;

  constructor(name: string) {
    const path = fileURLToPath(new URL(`imap/${name}`, import.meta.url));
    this.#child = spawn(setting.node, [path]);
    this.#child.stderr.pipe(process.stderr);
    const lines = createInterface({ input: this.#child.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** The next number that it prints. */
  async next(): Promise<number> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The program has ended.");
    return Number(value);
  }

  async ask(task: Task): Promise<number> {
    this.#child.stdin.write(`${JSON.stringify(task)}\n`);
    return await this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end('{"kind":"end"}\n');
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }
}

/** Starts a relay to a port, and returns its own. */
async function startRelay(port: number): Promise<number> {
  const listener = await listen({ transport: "tcp", hostname, port: 0 });
  const relay = serveRelay(listener, {
    connect: ({ signal }) => connect({ transport: "tcp", hostname, port }, { signal }),
    ...{ maxConnections: Infinity, maxConnectionsPerAddress: Infinity },
    ...{ maxUnauthenticated: Infinity, idleTimeout: 0 },
    onError: (error) => console.error(error),
  });
  const { address } = relay;
  if (address.transport !== "tcp") throw new Error("The relay has no port.");
  return address.port;
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

/** The medians of a task's times, in milliseconds. */
interface Times {
  readonly elapsed: number;
  /** Of this process's CPU, in which the pipe and the relay are. */
  readonly cpu: number;
}

/** Times a task at all ports in turns; returns the medians by the ports' names. */
async function compare(
  client: Program,
  ports: Readonly<Record<string, number>>,
  task: Omit<Task, "port">,
): Promise<Record<string, Times>> {
  const times: Record<string, { elapsed: number[]; cpu: number[] }> = {};
  const names = Object.keys(ports);
  for (const name of names) times[name] = { elapsed: [], cpu: [] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    // Each one is first in some rounds.
    names.push(names.shift()!);
    for (const name of names) {
      const before = process.cpuUsage();
      const elapsed = await client.ask({ ...task, port: ports[name] });
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      times[name].elapsed.push(elapsed);
      times[name].cpu.push((user + system) / 1000);
    }
  }
  return Object.fromEntries(
    names.map((name) => {
      const { elapsed, cpu } = times[name];
      return [name, { elapsed: median(elapsed), cpu: median(cpu) }];
    }),
  );
}

/** The tasks, and how they are called in the output. */
const TASKS = {
  envelopes: "fetch envelopes",
  sources: "fetch sources",
  append: "append 20 MiB",
  noop: "NOOP",
} as const;

const { port, mails } = setting;
const ports = { direct: port, pipe: await startPipe(port), relay: await startRelay(port) };
const rows: Record<string, unknown>[] = [];
{
  await using client = new Program("client.ts");
  for (const kind of ["envelopes", "sources", "append", "noop"] as const) {
    const isNoop = kind === "noop";
    const count = isNoop ? NOOPS : mails;
    const { direct, pipe, relay } = await compare(client, ports, { kind, count });
    // Many NOOPs are timed, and one is told.
    const shown = (time: number) => Number(time.toFixed(isNoop ? 3 : 0));
    const difference = relay.elapsed - direct.elapsed;
    rows.push({
      "in ms": TASKS[kind],
      direct: shown(direct.elapsed),
      pipe: shown(pipe.elapsed),
      relay: shown(relay.elapsed),
      "relay / direct": Number((relay.elapsed / direct.elapsed).toFixed(2)),
      "CPU, pipe": shown(isNoop ? pipe.cpu / NOOPS : pipe.cpu),
      "CPU, relay": shown(isNoop ? relay.cpu / NOOPS : relay.cpu),
      met: isNoop ? difference <= MOST_MORE : relay.elapsed <= MOST_TIMES * direct.elapsed,
    });
  }
}
console.table(rows);

/** This process's resident memory in bytes, after what is unused was given back as far as possible. */
async function memory(): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    (globalThis as { gc?: () => void }).gc?.();
    (globalThis as { Bun?: { gc(isSync: boolean): void } }).Bun?.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return process.memoryUsage().rss;
}

{
  await using server = new Program("scripted_server.ts");
  const relay = await startRelay(await server.next());
  await using client = new Program("client.ts");
  await client.ask({ kind: "idle", port: relay, count: 100 });
  const before = await memory();
  await client.ask({ kind: "idle", port: relay, count: IDLERS });
  const each = (await memory() - before) / IDLERS;
  console.log(`${IDLERS} connections that idle take ${(each / 1024).toFixed(1)} KiB each.`);
}
process.exit();
