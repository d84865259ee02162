/**
 * Runs a command for many users, several at a time, and gives their rows in the order of the users.
 *
 * @module
 */

import { AuthenticationError, CommandError, ConnectError } from "@dovewire/dovewire";
import { messageOf } from "@dovewire/dovewire/core";
import { readFile } from "node:fs/promises";
import { UsageError } from "../command_line/usage_error.ts";
import type { OpenServer } from "../servers/open_server.ts";
import type { Users } from "./invocation.ts";
import { type Row, userColumn, userNamesIn, withColumn } from "./rows.ts";

/** What became of a user. */
export interface UserOutcome {
  readonly user: string;
  readonly rows: readonly Row[];
  /** Why the command failed for the user, if it did. */
  readonly error?: unknown;
}

/** Options for {@linkcode outcomesOfUsers}. */
export interface UsersOptions {
  /** How many users are asked at a time. */
  readonly jobs: number;
  /** Asks one; rejects with the error of that user. */
  readonly ask: (user: string) => Promise<readonly Row[]>;
  /** Aborts all. */
  readonly signal: AbortSignal;
}

/** The names of the users; each once, in the order of the server or of the file. */
export async function namesOfUsers(
  users: Users & { readonly type: "mask" | "file" },
  { client }: OpenServer,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (users.type === "mask") {
    const request = { name: "user", args: [users.mask] };
    const { fields } = await client.send(request, { signal, idempotent: true });
    return [...new Set(fields.flatMap(userNamesIn))];
  }
  let text: string;
  try {
    text = await readFile(users.path === "-" ? "/dev/stdin" : users.path, "utf8");
  } catch (error) {
    throw new UsageError(`The users' file can't be read: ${messageOf(error)}`, { cause: error });
  }
  return [...new Set(text.split("\n").map((name) => name.trim()).filter((name) => name !== ""))];
}

/**
 * Asks for one user after the other, up to `jobs` at a time, and yields what became of each in their order.
 * It ends early, with the error of the user that it has to do with, if the server can't be reached any more
 * or the signal aborts.
 */
export async function* outcomesOfUsers(
  names: readonly string[],
  { jobs, ask, signal }: UsersOptions,
): AsyncGenerator<UserOutcome, void, void> {
  const running: Promise<UserOutcome>[] = [];
  let next = 0;
  let hasEnded = false;
  while (true) {
    while (!hasEnded && !signal.aborted && next < names.length && running.length < jobs) {
      running.push(outcomeOf(names[next++], ask));
    }
    const first = running.shift();
    if (first === undefined) return;
    const outcome = await first;
    hasEnded ||= endsAll(outcome.error);
    yield outcome;
  }
}

async function outcomeOf(user: string, ask: UsersOptions["ask"]): Promise<UserOutcome> {
  try {
    const rows = await ask(user);
    return { user, rows: rows.map((row) => withColumn(userColumn, user, row)) };
  } catch (error) {
    return { user, rows: [], error };
  }
}

/** Whether no other user will fare better. */
function endsAll(error: unknown): boolean {
  return error instanceof ConnectError || error instanceof AuthenticationError;
}

/** Whether a server that listed a user says that there is none: it is gone meanwhile. */
export function isGone(error: unknown): boolean {
  return error instanceof CommandError && error.code === "NOUSER";
}
