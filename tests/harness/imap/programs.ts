/**
 * Runs IMAP clients that are programs of their own.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import { ensureProgram } from "../programs.ts";

/** How a program is run. */
export interface ProgramOptions {
  /** Its home folder. */
  readonly home: string;
  /** Its standard input. */
  readonly input?: string | Uint8Array;
}

/** A program that runs. */
export interface RunningProgram {
  /** Its output in Latin-1, without what it says about errors; rejects if it fails. */
  readonly output: Promise<string>;
  /** Ends it with SIGTERM; it doesn't fail then. */
  stop(): void;
}

/** Starts a program. */
export async function startProgram(
  [name, ...args]: readonly string[],
  { home, input = "" }: ProgramOptions,
): Promise<RunningProgram> {
  const path = await ensureProgram(name);
  const env = { ...process.env, HOME: home, LC_ALL: "C" };
  const child: ChildProcessWithoutNullStreams = spawn(path, args, { cwd: home, env });
  let said = "";
  let errors = "";
  let isStopped = false;
  child.stdout.setEncoding("latin1").on("data", (chunk) => said += chunk);
  child.stderr.setEncoding("utf8").on("data", (chunk) => errors += chunk);
  // It may end before it has read all.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const output = new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0 || isStopped) resolve(said);
      else reject(new Error(`${name} ended with ${signal ?? status}:\n${said}${errors}`));
    });
  });
  return {
    output,
    stop() {
      isStopped = true;
      child.kill("SIGTERM");
    },
  };
}

/** Runs a program to its end; resolves to its output. */
export async function runProgram(
  command: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const { output } = await startProgram(command, options);
  return await output;
}
