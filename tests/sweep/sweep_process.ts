/**
 * A sweep in a process of its own, which a test kills.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect } from "../../mod.ts";
import { everybody, sweep } from "../../sweep/mod.ts";

/** The runtime's flags: also to collect what is no longer used when the memory is looked at. */
const flags = "Deno" in globalThis
  ? ["run", "-A", "--no-check", "--quiet", "--v8-flags=--expose-gc"]
  : "Bun" in globalThis
  ? []
  : ["--expose-gc"];

/** What the process does. */
export interface SweepProcessOptions {
  readonly url: string;
  readonly journal: string;
  /** How many users there are, "user0", "user1" …; "everybody" has the server list them. */
  readonly users: number | "everybody";
  readonly concurrency: number;
  readonly idempotent: boolean;
}

/** What the process prints, a line each. */
export type SweepProcessLine =
  | { readonly type: "started" | "memory"; readonly memory: number; readonly resident: number }
  | {
    readonly type: "failed";
    readonly user: string;
    readonly code: string;
    readonly sent: boolean;
  }
  | { readonly type: "ended"; readonly results: number };

/** A process that sweeps. */
export interface SweepProcess {
  readonly child: ChildProcess;
  /** What it printed; all of it when `over` resolves. */
  readonly lines: readonly SweepProcessLine[];
  /** Resolves when it has ended. */
  readonly over: Promise<void>;
}

/** Starts a process. */
export function startSweep(options: SweepProcessOptions): SweepProcess {
  const program = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: SweepProcessLine[] = [];
  const over = (async () => {
    for await (const line of createInterface({ input: child.stdout })) lines.push(JSON.parse(line));
  })();
  return { child, lines, over };
}

/**
 * The memory in use, without what waits to be collected, and what is resident, in MiB. Engines keep much more
 * than they use: how much depends on them alone.
 */
function memory(): { readonly memory: number; readonly resident: number } {
  const { gc, Bun } = globalThis as {
    readonly gc?: () => void;
    readonly Bun?: { gc(isSync: boolean): void };
  };
  if (Bun !== undefined) Bun.gc(true);
  else gc!();
  const { heapUsed, external, rss } = process.memoryUsage();
  const inMebibytes = (bytes: number) => Math.round(bytes / 1_048_576);
  return { memory: inMebibytes(heapUsed + external), resident: inMebibytes(rss) };
}

/** How many results there are between two looks at the memory. */
const resultsBetween = 10_000;

/** At once, so that it isn't lost when the process is killed. */
function print(line: SweepProcessLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

async function* generated(count: number): AsyncGenerator<string, void, void> {
  for (let at = 0; at < count; at++) yield `user${at}`;
}

async function run(options: SweepProcessOptions): Promise<void> {
  const { url, users, ...others } = options;
  await using doveadm = connect(url, { maxConnections: 10 });
  await doveadm.ready();
  print({ type: "started", ...memory() });
  let results = 0;
  const input = users === "everybody" ? everybody(doveadm) : generated(users);
  const work = (user: string, context: { readonly signal: AbortSignal }) =>
    doveadm.send({ name: "mailbox list", user }, context);
  for await (const result of sweep(input, work, others)) {
    if (++results % resultsBetween === 0) print({ type: "memory", ...memory() });
    if (result.ok) continue;
    const { user, sent, error } = result;
    print({ type: "failed", user, sent, code: (error as { readonly code?: string }).code ?? "" });
  }
  print({ type: "ended", results });
}

if (import.meta.main) await run(JSON.parse(process.argv[2]));
