/**
 * A server in a process of its own, so that its memory can be looked at from outside: the embedded
 * mail system with as many users as are asked for, each of whom has one mailbox, named after the user.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { serve, type ServeSettings } from "../../../doveadm/server/mod.ts";
import { mailHandler, MailSystem } from "../../../testing/mod.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";

/** The options of the process. */
export interface ServerProcessOptions extends
  Pick<
    ServeSettings,
    | "maxConnections"
    | "handshakeTimeout"
    | "idleTimeout"
    | "stallTimeout"
    | "password"
    | "refusalDelay"
  > {
  /** How many users there are: "user0", "user1" … */
  readonly users: number;
}

/** A server process that runs. */
export interface ServerProcess extends AsyncDisposable {
  /** Where it listens on loopback. */
  readonly port: number;
  /** How much memory it has, in MiB: that which is resident. */
  memory(): number;
  /** What its `onError` got, by the kind of it, and how often. */
  errors(): Promise<Readonly<Record<string, number>>>;
}

/** Starts one; it ends with this process, however that ends. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const program = fileURLToPath(import.meta.url);
  const args = argumentsToRun(program);
  const child = spawn(process.execPath, [...args, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("The server process ended.");
    return JSON.parse(value);
  };
  const { port } = await nextLine();
  return {
    port,
    memory() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
    },
    errors() {
      child.stdin.write("errors\n");
      return nextLine();
    },
    async [Symbol.asyncDispose]() {
      const exit = once(child, "exit");
      child.stdin.end();
      await exit;
    },
  };
}

/** What an error is about, without what differs from one to the next. */
function kindOf(error: unknown): string {
  return (error as Error).message.replaceAll(/tcp \S+|"[^"]*"|\d+/g, "…").slice(0, 60);
}

async function run({ users, ...settings }: ServerProcessOptions): Promise<void> {
  const names = Array.from({ length: users }, (_, at) => `user${at}`);
  const system = new MailSystem({
    users: Object.fromEntries(names.map((name) => [name, { mailboxes: { [name]: [] } }])),
  });
  const errors: Record<string, number> = {};
  const onError = (error: unknown) => {
    errors[kindOf(error)] = (errors[kindOf(error)] ?? 0) + 1;
  };
  const place = { hostname: "127.0.0.1", port: 0 };
  const handler = mailHandler(system);
  await using server = await serve({ ...place, ...settings, onError }, handler);
  console.log(JSON.stringify(server.address));
  for await (const _ of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(errors));
  }
}

if (import.meta.main) await run(JSON.parse(process.argv[2]));
