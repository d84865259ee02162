/**
 * Runs programs for tests, on the runtime that the test runs on.
 *
 * @module
 */

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isSoak } from "../../harness/soak.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";

/** How a program ended, and what it wrote. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Options for running a program. */
export interface RunOptions {
  /** Its standard input; empty if left out. */
  readonly input?: Uint8Array;
  /** The input at its file descriptor 3, which is closed if this is left out. */
  readonly descriptor3?: Uint8Array;
  /** Its environment; that of the test's process if left out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its folder; that of the test's process if left out. */
  readonly cwd?: string;
}

/** The command that runs a TypeScript file on the current runtime. */
export function onThisRuntime(file: string): string[] {
  const isDeno = process.versions.deno !== undefined;
  // Node starts in half the time with it, and a program's environment may be another than ours.
  const { NODE_COMPILE_CACHE: cache } = process.env;
  if (cache !== undefined && !isDeno && process.versions.bun === undefined) {
    return ["env", `NODE_COMPILE_CACHE=${cache}`, process.execPath, file];
  }
  return [process.execPath, ...argumentsToRun(file)];
}

/**
 * The versions for a test that makes many calls: the oldest and the newest on Bun, which starts a process in a
 * fraction of the others' time; elsewhere the newest, as the older ones start a process for each call. All at full
 * size.
 */
export function versionsForManyCalls(): readonly (1 | 2 | 3)[] {
  if (isSoak) return [3, 2, 1];
  return process.versions.bun === undefined ? [3] : [3, 1];
}

/** The path of a file of the project. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(`../../../${file}`, import.meta.url));
}

/** Runs a program to its end. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ending> {
  const { input = new Uint8Array(0), descriptor3, env, cwd } = options;
  const [program, ...args] = command;
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe", ...(descriptor3 === undefined ? [] : ["pipe" as const])],
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  child.stdout!.on("data", (chunk) => stdout.push(chunk));
  child.stderr!.on("data", (chunk) => stderr.push(chunk));
  for (const [pipe, bytes] of [[child.stdin, input], [child.stdio[3], descriptor3]] as const) {
    if (pipe == null) continue;
    // The program may leave input unread.
    pipe.on("error", () => {});
    (pipe as typeof child.stdin)!.end(bytes);
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, stdout: joined(stdout), stderr: textOf(joined(stderr)) });
    });
  });
}

/** Bytes as text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}
