/**
 * Users in chunks, and chunks in jobs.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { AbortError, LocalProtocolError } from "@dovewire/dovewire/core";
import { onAbort } from "@dovewire/dovewire/transports";

/** A number of users that are enqueued in one step. */
export interface Chunk {
  /** From 0. */
  readonly number: number;
  /** The place of its first user in the input, and that after its last. */
  readonly start: number;
  readonly end: number;
  readonly users: readonly string[];
  /** A fingerprint of all users up to its end. */
  readonly hash: string;
}

/** What a job has. */
export interface FleetJob {
  /** The chunk, and how many users that has. */
  readonly chunk: number;
  readonly size: number;
  /** The places of the users in the input, and their names. */
  readonly users: readonly (readonly [index: number, user: string])[];
}

/**
 * The same users; throws an `AbortError` as soon as the signal aborts, also while the input lets wait for the next
 * one.
 */
export async function* usersUntilAborted(
  users: AsyncIterable<string>,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const iterator = users[Symbol.asyncIterator]();
  let isLeft = true;
  try {
    for (;;) {
      const step = await untilAborted(iterator.next(), signal);
      isLeft = step.done !== true;
      if (step.done) return;
      yield step.value;
    }
  } finally {
    // One that hangs isn't waited for.
    if (isLeft) void leave(iterator);
  }
}

/** Ends an input early. */
async function leave(iterator: AsyncIterator<string>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Nobody takes anything from it any more.
  }
}

/** What is waited for; rejects with an `AbortError` as soon as the signal aborts. */
function untilAborted<Value>(
  value: Value | Promise<Value>,
  signal: AbortSignal | undefined,
): Value | Promise<Value> {
  if (signal === undefined || typeof value === "string") return value;
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(abortError(signal)));
    Promise.resolve(value).then(resolve, reject).finally(() => forget());
  });
}

/** The error for a signal that has aborted. */
export function abortError({ reason }: AbortSignal): AbortError {
  return new AbortError("Enqueueing was aborted.", { cause: reason });
}

/** Yields users in chunks of a size. Throws a `LocalProtocolError` for a name that isn't a text. */
export async function* chunksOf(
  input: Iterable<string> | AsyncIterable<string>,
  size: number,
): AsyncGenerator<Chunk, void, void> {
  let [number, start, hash] = [0, 0, ""];
  let users: string[] = [];
  const next = (): Chunk => {
    hash = createHash("sha256").update(JSON.stringify([hash, users])).digest("base64url");
    const chunk = { number, start, end: start + users.length, users, hash };
    [number, start, users] = [number + 1, chunk.end, []];
    return chunk;
  };
  for await (const user of input) {
    if (typeof user !== "string") {
      throw new LocalProtocolError(
        `User ${
          start + users.length
        } of the input (the first is 0) is of type ${typeof user}. Names are texts.`,
      );
    }
    users.push(user);
    if (users.length === size) yield next();
  }
  if (users.length > 0) yield next();
}

/** The jobs of a chunk, by their backends. Rejects with an `AbortError` as soon as the signal aborts. */
export async function jobsOf(
  { number, start, users }: Chunk,
  { batch, backendOf, signal }: {
    readonly batch: number;
    readonly backendOf: (user: string) => string | Promise<string>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Map<string, FleetJob[]>> {
  const byBackend = new Map<string, [number, string][]>();
  for (const [at, user] of users.entries()) {
    const backend = String(await untilAborted(backendOf(user), signal));
    const list = byBackend.get(backend);
    if (list === undefined) byBackend.set(backend, [[start + at, user]]);
    else list.push([start + at, user]);
  }
  const jobs = new Map<string, FleetJob[]>();
  for (const [backend, list] of byBackend) {
    const parts: FleetJob[] = [];
    for (let at = 0; at < list.length; at += batch) {
      parts.push({ chunk: number, size: users.length, users: list.slice(at, at + batch) });
    }
    jobs.set(backend, parts);
  }
  return jobs;
}
