/**
 * Passwords: from a file, the environment, a command, or a prompt without echo; never from the arguments,
 * which other users of the machine can see.
 *
 * @module
 */

import { AbortError, messageOf } from "@dovewire/dovewire/core";
import { execFile } from "node:child_process";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";
import { readSmallFile } from "./small_file.ts";

/** The most bytes that a password's file or command may have. */
const largest = 65_536;

/** How long a command may take to print the password, in milliseconds. */
const commandTimeout = 60_000;

/** The first line of a file; throws a `UsageError` if it can't be read. */
export async function secretOfFile(path: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await readSmallFile(path, largest);
  } catch (error) {
    throw new UsageError(`The password's file can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (text === undefined) throw new UsageError(`The password's file ${path} is too large.`);
  return firstLine(text, `The file ${path}`);
}

/**
 * The first line that a shell command prints; what it writes to stderr is shown. Rejects with a `UsageError` if
 * it fails, and with an `AbortError` if the signal aborts, which ends it.
 */
export function secretOfCommand(command: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: largest, timeout: commandTimeout, signal };
    const child = execFile("/bin/sh", ["-c", command], options, (error, stdout) => {
      if (error === null) {
        try {
          resolve(firstLine(stdout, "The password's command"));
        } catch (empty) {
          reject(empty);
        }
        return;
      }
      if (signal?.aborted) {
        return reject(new AbortError("The password's command was interrupted; nothing was sent."));
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
function canPrompt(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** The question that was asked last: a terminal has one at a time. */
let lastQuestion: Promise<unknown> = Promise.resolve();

/**
 * Asks for a password on the terminal, without echo; `undefined` if there is no terminal. Rejects with a
 * `UsageError` if nobody answers.
 */
export function promptForSecret(server: string): Promise<string | undefined> {
  if (!canPrompt()) return Promise.resolve(undefined);
  const answer = lastQuestion.then(() => ask(server));
  lastQuestion = answer.catch(() => {});
  return answer;
}

async function ask(server: string): Promise<string> {
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
