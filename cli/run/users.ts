/**
 * Runs a command for many users, several at a time.
 *
 * @module
 */

import { AuthenticationError, CommandError, ConnectError } from "@dovewire/dovewire";
import { AbortError, decodeUtf8, DovewireError, messageOf } from "@dovewire/dovewire/core";
import {
  sweep,
  type SweepContext,
  type SweepProgress,
  type SweepResult,
  type SweepUsers,
} from "@dovewire/dovewire/sweep";
import { onAbort } from "@dovewire/dovewire/transports";
import { UsageError } from "../command_line/usage_error.ts";
import { bytesOf, streamedInput, unreadable } from "./input.ts";
import type { Users } from "./invocation.ts";
import type { Row } from "./rows.ts";

/** Several users, by a mask or in a file. */
export type ManyUsers = Users & { readonly type: "mask" | "file" };

/** How a command is run for many users. */
export interface UsersOptions {
  /** For how many users at a time. */
  readonly jobs: number;
  /** Whether it may run twice for a user. */
  readonly idempotent: boolean;
  /** The path of the file in which it is noted how far the run is, if there is one. */
  readonly journal: string | undefined;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Called about once a second. */
  readonly onProgress: (progress: SweepProgress) => void;
}

/** The most bytes of a file with users: some two million. */
const largestList = 64 * 1_048_576;

/** How many users may be done before the one whose rows are due, for each job. */
const lead = 4;

/**
 * Asks for each user, and yields what became of each: in the order of the users, or with a journal as soon
 * as it is known, since it is done with what was yielded. After a failure to connect no more users are asked,
 * unless there is a journal; with one, what passes is tried again.
 *
 * At the end it throws what the library's `sweep()` throws: an `AbortError` if it ended early.
 */
export async function* resultsOfUsers(
  users: SweepUsers,
  ask: (user: string, context: SweepContext) => Promise<readonly Row[]>,
  { jobs, idempotent, journal, signal, onProgress }: UsersOptions,
): AsyncGenerator<SweepResult<readonly Row[]>, void, void> {
  const ending = new AbortController();
  const forget = onAbort(signal, () => ending.abort(signal.reason));
  const order = journal === undefined ? new Order(jobs * lead) : undefined;
  const work = async (user: string, context: SweepContext) => {
    await order?.room(context.index, context.signal);
    return await ask(user, context);
  };
  try {
    const results = sweep(users, work, {
      ...{ concurrency: jobs, idempotent, journal, onProgress, signal: ending.signal },
      ...(journal === undefined ? { retries: 0 } : {}),
    });
    for await (const result of results) {
      if (order === undefined) yield result;
      else yield* order.push(result);
      if (order !== undefined && !result.ok && endsAll(result.error)) ending.abort();
    }
  } finally {
    forget();
    // Users that were aborted leave gaps.
    if (order !== undefined) yield* order.rest();
  }
}

/**
 * The names in a file, one a line; `-` for standard input. Each once. Rejects with a `UsageError` if it can't be
 * read, or is too large, and with an `AbortError` if the signal aborts.
 */
export async function namesInFile(path: string, signal: AbortSignal): Promise<readonly string[]> {
  const what = "The users' file";
  const bytes = await bytesOf(await streamedInput(path, what), largestList, signal)
    .catch((error) => {
      if (error instanceof DovewireError) throw error;
      throw unreadable(what, messageOf(error), error);
    });
  if (bytes === undefined) {
    throw new UsageError(`${what} ${path} has more than ${largestList} bytes. Split it.`);
  }
  const lines = decodeUtf8(bytes).split("\n");
  return [...new Set(lines.map((name) => name.trim()).filter((name) => name !== ""))];
}

/** Whether no other user will fare better. */
function endsAll(error: unknown): boolean {
  return error instanceof ConnectError || error instanceof AuthenticationError;
}

/** Whether a server that listed a user says that there is none: it is gone meanwhile. */
export function isGone(error: unknown): boolean {
  return error instanceof CommandError && error.code === "NOUSER";
}

/** Puts results into the order of the users; work that is too far ahead waits. */
class Order {
  readonly #lead: number;
  readonly #parked = new Map<number, SweepResult<readonly Row[]>>();
  /** The user whose turn it is. */
  #next = 0;
  #waiting: (() => void)[] = [];

  /** So many users may be done before the one whose turn it is. */
  constructor(lead: number) {
    this.#lead = lead;
  }

  /** Waits until a user is near enough to the one whose turn it is. */
  async room(index: number, signal: AbortSignal): Promise<void> {
    while (index > this.#next + this.#lead) {
      if (signal.aborted) throw new AbortError("It was not sent.");
      await new Promise<void>((resolve) => {
        const forget = onAbort(signal, resolve);
        this.#waiting.push(() => {
          forget();
          resolve();
        });
      });
    }
  }

  /** Takes a result; yields all whose turn it is. */
  *push(result: SweepResult<readonly Row[]>): Generator<SweepResult<readonly Row[]>, void, void> {
    this.#parked.set(result.index, result);
    for (let due; (due = this.#parked.get(this.#next)) !== undefined;) {
      this.#parked.delete(this.#next++);
      yield due;
    }
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Yields what is left, in the order of the users. */
  *rest(): Generator<SweepResult<readonly Row[]>, void, void> {
    const left = [...this.#parked.values()].sort((a, b) => a.index - b.index);
    this.#parked.clear();
    yield* left;
  }
}
