/**
 * A worker of a fleet in a process of its own, which a test kills.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { connect } from "@dovewire/dovewire";
import { FleetWorker, type FleetWorkerOptions } from "../../fleet/mod.ts";
import { argumentsToRun } from "../harness/this_runtime.ts";

/** What the worker does. */
export interface WorkerProcessOptions extends FleetWorkerOptions {
  /** The server that has the users. */
  readonly url: string;
}

/** Starts a worker; it ends with this process. */
export async function startWorker(options: WorkerProcessOptions): Promise<ChildProcess> {
  const program = fileURLToPath(import.meta.url);
  const args = argumentsToRun(program);
  const child = spawn(process.execPath, [...args, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  return child;
}

async function run({ url, ...options }: WorkerProcessOptions): Promise<void> {
  await using doveadm = connect(url, { maxConnections: 5 });
  await using _worker = new FleetWorker(
    (user, { index, signal }) =>
      doveadm.send({ name: "mailbox list", user, args: [String(index)] }, { signal })
        .then(({ fields }) => fields),
    options,
  );
  console.log("started");
  process.stdin.resume();
  await once(process.stdin, "end");
}

if (import.meta.main) await run(JSON.parse(process.argv[2]));
