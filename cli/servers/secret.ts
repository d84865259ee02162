/**
 * Passwords: from a file, the environment, a command, or a prompt without echo; never from the arguments,
 * which other users of the machine can see.
 *
 * @module
 */

import { decodeUtf8, messageOf } from "@dovewire/dovewire/core";
import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";

/** The most bytes that a password's file or command may have. */
const largest = 65_536;

/** How long a command may take to print the password, in milliseconds. */
const commandTimeout = 60_000;

/** The first line of a file; throws a `UsageError` if it can't be read. */
export async function secretOfFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await beginningOf(path);
  } catch (error) {
    throw new UsageError(`The password's file can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (text.length > largest) throw new UsageError(`The password's file ${path} is too large.`);
  return firstLine(text, `The file ${path}`);
}

/** What a file begins with: all of it, or more than a password's file may have. */
async function beginningOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array(largest * 4);
    for (let size = 0;;) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, null);
      size += bytesRead;
      if (bytesRead === 0 || size === bytes.length) return decodeUtf8(bytes.subarray(0, size));
    }
  } finally {
    await file.close();
  }
}

/** The first line that a shell command prints; what it writes to stderr is shown. */
export function secretOfCommand(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: largest, timeout: commandTimeout };
    const child = execFile("/bin/sh", ["-c", command], options, (error, stdout) => {
      if (error === null) {
        try {
          resolve(firstLine(stdout, "The password's command"));
        } catch (empty) {
          reject(empty);
        }
        return;
      }
      // Node's message quotes the command's output.
      const how = typeof error.code === "number" ? `exit status ${error.code}` : "failed";
      reject(new UsageError(`The password's command ended with ${how}: check it in a shell.`));
    });
    child.stderr?.pipe(process.stderr, { end: false });
    child.stdin?.end();
  });
}

/** The value of an environment variable; throws a `UsageError` if it isn't set. */
export function secretOfEnvironment(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new UsageError(`The environment variable ${name}, for the password, is not set.`);
}

/** Whether somebody can be asked for a password. */
export function canPrompt(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asks for a password on the terminal, without echo. Throws a `UsageError` if nobody answers. */
export async function promptForSecret(server: string): Promise<string> {
  // Loaded only if it is needed: most runs end sooner than it is loaded.
  const { isCancel, password } = await import("@clack/prompts");
  const answer = await password({ message: `Password for ${server}`, output: process.stderr });
  if (!isCancel(answer) && typeof answer === "string") return answer;
  throw new UsageError("No password was given.", { exitCode: 130 });
}

function firstLine(text: string, source: string): string {
  const [line] = text.split(/\r?\n/, 1);
  if (line !== "") return line;
  throw new UsageError(`${source} has no password in its first line.`);
}
