/**
 * Runs IMAP clients that are programs of their own.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { installationEnded, installPackages } from "../dovecot/apt.ts";

/** The programs, and the packages of Debian and Ubuntu that have them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  curl: ["curl"],
  fetchmail: ["fetchmail"],
  // Its PLAIN is a plugin of another package.
  mbsync: ["isync", "libsasl2-modules"],
  python3: ["python3"],
};

const ensured = new Map<string, Promise<string>>();

/** Path of a program, which is installed first if it is missing. */
export function ensureProgram(name: string): Promise<string> {
  let ensuring = ensured.get(name);
  if (ensuring === undefined) ensured.set(name, ensuring = ensure(name));
  return ensuring;
}

async function ensure(name: string): Promise<string> {
  await installationEnded();
  const found = find(name);
  if (found !== undefined) return found;
  const packages = PACKAGES[name];
  const howTo =
    `Install it ("apt-get install ${packages.join(" ")}" as root on Debian or Ubuntu) ` +
    "and run the tests again.";
  await installPackages(packages, { missing: name, howTo });
  const installed = find(name);
  if (installed === undefined) {
    throw new Error(`${packages} is installed without ${name}. ${howTo}`);
  }
  return installed;
}

function find(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, "/usr/bin"].map((folder) => join(folder, name)).find((it) => existsSync(it));
}

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
