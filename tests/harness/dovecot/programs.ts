/**
 * Runs other programs.
 *
 * @module
 */

import { execFile, spawn } from "node:child_process";

/** A program's output, without white space around it; rejects if the program fails. */
export function output(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim());
      else reject(new Error(stderr || error.message));
    });
  });
}

/**
 * The version that `dovecot --version` prints, as in "2.3.19.1".
 *
 * Rejects if the program fails or prints no version.
 */
export async function versionOf(program: string, ...args: readonly string[]): Promise<string> {
  const command = [program, ...args, "--version"].join(" ");
  const printed = await output(program, ...args, "--version").catch((error: Error) => {
    throw new Error(`Cannot run ${command}: ${error.message}`);
  });
  const version = /^\d+(\.\d+)+/.exec(printed)?.[0];
  if (version === undefined) {
    throw new Error(
      `Cannot read the version from ${command}: it printed ${JSON.stringify(printed)}.`,
    );
  }
  return version;
}

/**
 * Runs a script with `sh -euc` and hides its output.
 *
 * Rejects unless it ends with status 0: the message says how it ended, the cause is the end of its output.
 */
export function runScript(script: string, args: readonly string[]): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const child = spawn("sh", ["-euc", script, "sh", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => output += chunk);
    child.stderr.setEncoding("utf8").on("data", (chunk) => output += chunk);
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0) return resolve();
      const cause = output.trimEnd().split("\n").slice(-20).join("\n");
      reject(new Error(signal ?? `exit status ${status}`, { cause }));
    });
  });
}
