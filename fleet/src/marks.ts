/**
 * Notes in Redis which users of a job were begun, and which are done.
 *
 * @module
 */

import type { Redis } from "ioredis";
import type { FleetJob } from "./chunks.ts";
import { withRedis } from "./fleet_error.ts";
import type { FleetKeys } from "./keys.ts";
import type { EncodedResult } from "./results.ts";
import { beginScript, endScript } from "./scripts.ts";

/** What is to be done for a user. */
export type Decision = "run" | "done" | "interrupted" | "lost" | "full";

/** A job that a worker has, and how it says so. */
export interface HeldJob {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly job: FleetJob;
  /** The key of the job's lock, and the value by which it is this worker's. */
  readonly lock: string;
  readonly token: string;
}

/** Notes which users of a job were begun, and which are done. */
export class Marks {
  readonly #held: HeldJob;
  readonly #allKeys: readonly string[];

  /** For a job that this worker holds, or believes to. */
  constructor(held: HeldJob) {
    const { keys: { marksOf, finished, results, state }, lock, job } = held;
    this.#held = held;
    this.#allKeys = [lock, marksOf(job.chunk), finished, results, state];
  }

  /** Notes that the work for a user begins, unless it was done before or the job is another worker's. */
  begin(
    index: number,
    { maxResults, idempotent }: { readonly maxResults: number; readonly idempotent: boolean },
  ): Promise<Decision> {
    return this.#run(beginScript, index, maxResults, idempotent ? "1" : "0");
  }

  /** Notes that a user is done, with its result; returns whether the job is still this worker's. */
  async end({ index, isFailure, text }: EncodedResult): Promise<boolean> {
    const { size } = this.#held.job;
    const decision = await this.#run(endScript, index, size, text, isFailure ? "1" : "0");
    return decision !== "lost";
  }

  async #run(
    script: string,
    index: number,
    ...args: readonly (string | number)[]
  ): Promise<Decision> {
    const { redis, token, job: { chunk } } = this.#held;
    const values = [token, chunk, index, ...args];
    const decision = await withRedis(
      "Noting a user",
      () => redis.eval(script, this.#allKeys.length, ...this.#allKeys, ...values),
    );
    return decision as Decision;
  }
}
