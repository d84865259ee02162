/**
 * Users in chunks, and chunks in jobs.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { LocalProtocolError } from "@dovewire/dovewire/core";

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

/** The jobs of a chunk, by their backends. */
export async function jobsOf(
  { number, start, users }: Chunk,
  { batch, backendOf }: {
    readonly batch: number;
    readonly backendOf: (user: string) => string | Promise<string>;
  },
): Promise<Map<string, FleetJob[]>> {
  const byBackend = new Map<string, [number, string][]>();
  for (const [at, user] of users.entries()) {
    const backend = String(await backendOf(user));
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
