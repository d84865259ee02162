/**
 * A fleet's sweep, from the side that has the users and wants the results.
 *
 * @module
 */

import { AbortError, checkOptions, LocalProtocolError } from "@dovewire/dovewire/core";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import {
  abortError,
  type Chunk,
  chunksOf,
  type FleetJob,
  jobsOf,
  usersUntilAborted,
} from "./chunks.ts";
import { redisAt } from "./connection.ts";
import { FleetError, withRedis } from "./fleet_error.ts";
import {
  checkCount,
  checkFleetOptions,
  type EnqueueOptions,
  type FleetLimits,
  type FleetOptions,
  type FleetProgress,
  type FleetResult,
} from "./fleet_options.ts";
import { defaultBackend, type FleetKeys, keysOf, queueOf } from "./keys.ts";
import { decodeResult } from "./results.ts";
import { chunkScript, resultsScript } from "./scripts.ts";

/** How many results are read at once, and how many bytes: the last of them may go beyond. */
const resultsAtOnce = 500;
const resultBytesAtOnce = 4 * 1_048_576;

/** How long to wait for results before it is looked whether there will be more, in milliseconds. */
const resultsWait = 500;

/** How many users a chunk has, in batches. */
const batchesInChunk = 10;

/**
 * A sweep on many machines: enqueues users, collects results, tells the progress. Any number of processes may
 * have one, and {@linkcode FleetWorker}s do the work.
 *
 * @example
 * ```ts ignore
 * import { Fleet } from "@dovewire/fleet";
 *
 * await using fleet = new Fleet({ name: "reindex-2026", redis: "redis://127.0.0.1:6379" });
 * await fleet.enqueue(["alice", "bob"]);
 * for await (const result of fleet.results()) console.log(result.user, result.ok);
 * ```
 */
export class Fleet implements AsyncDisposable {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #queues = new Map<string, Queue<FleetJob>>();

  /** Throws a `LocalProtocolError` for an invalid name. */
  constructor(options: FleetOptions) {
    checkFleetOptions(options);
    this.#keys = keysOf(options);
    this.#redis = redisAt(options.redis, false);
  }

  /**
   * Enqueues users, and resolves to how many there are. If it was interrupted, call it again with the same
   * users in the same order: it goes on where it stopped. Rejects with a `FleetError` if Redis can't be
   * reached or the users are others, with an `AbortError`, or with what the input throws.
   */
  async enqueue(
    users: Iterable<string> | AsyncIterable<string>,
    options: EnqueueOptions = {},
  ): Promise<number> {
    checkOptions(options, { functions: ["backendOf"] });
    const { batch = 100, backendOf = () => defaultBackend, signal } = options;
    checkCount("batch", batch);
    const isIterable = typeof users === "object" && users !== null &&
      (Symbol.asyncIterator in users || Symbol.iterator in users);
    if (!isIterable) {
      throw new LocalProtocolError("The users are no list. Pass an iterable of names.");
    }
    if (signal?.aborted) throw abortError(signal);
    const input = signal !== undefined && Symbol.asyncIterator in users
      ? usersUntilAborted(users, signal)
      : users;
    const state = await this.#state();
    if (state.batch !== undefined && Number(state.batch) !== batch) {
      throw new FleetError(
        `The users were enqueued in batches of ${state.batch}, and this is ${batch}. Use the same.`,
      );
    }
    const before = Number(state.chunks ?? 0);
    let enqueued = Number(state.enqueued ?? 0);
    let seen = 0;
    const enqueuer = crypto.randomUUID();
    await withRedis(
      "Enqueueing users",
      () => this.#redis.hset(this.#keys.state, { enqueuer, batch }),
    );
    for await (const chunk of chunksOf(input, batch * batchesInChunk)) {
      if (signal?.aborted) throw abortError(signal);
      seen++;
      if (chunk.number === before - 1 && chunk.hash !== state.hash) throw changedError();
      if (chunk.number < before) continue;
      const jobs = await jobsOf(chunk, { batch, backendOf, signal });
      await withRedis("Enqueueing users", () => this.#add(chunk, jobs, enqueuer));
      enqueued = chunk.end;
    }
    if (seen < before) throw changedError();
    await withRedis(
      "Enqueueing users",
      () => this.#redis.hset(this.#keys.state, "isComplete", "1"),
    );
    return enqueued;
  }

  /**
   * Limits the jobs of a backend, for all workers together. Rejects with a `FleetError` if Redis can't be
   * reached.
   */
  async limit(limits: FleetLimits, backend: string = defaultBackend): Promise<void> {
    checkOptions(limits, { objects: ["rate"] });
    const { concurrency, rate } = limits;
    if (concurrency !== undefined) checkCount("concurrency", concurrency);
    if (rate !== undefined) {
      checkCount("rate.max", rate.max);
      checkCount("rate.duration", rate.duration);
    }
    await withRedis("Limiting a backend", async () => {
      // First of all: a queue that is created while Redis can't be reached waits for it for ever.
      await this.#redis.sadd(this.#keys.backends, backend);
      const queue = this.#queueOf(backend);
      if (concurrency !== undefined) await queue.setGlobalConcurrency(concurrency);
      if (rate !== undefined) await queue.setGlobalRateLimit(rate.max, rate.duration);
    });
  }

  /**
   * Yields the results as they come, until all users are done. A result that was yielded is removed when some
   * later one is asked for: a collector that was killed gets the last ones again. One collector at a time.
   * Throws a `LocalProtocolError` for invalid options.
   */
  results<Value = unknown>(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<FleetResult<Value>, void, void> {
    checkOptions(options);
    return this.#results(options.signal);
  }

  async *#results<Value>(
    signal: AbortSignal | undefined,
  ): AsyncGenerator<FleetResult<Value>, void, void> {
    let last = "0";
    let hasBegun = false;
    while (signal?.aborted !== true) {
      // Before the results are read: what is done by then has its result in the stream.
      const state = await this.#state();
      if (hasBegun && state.chunks === undefined) throw goneError();
      hasBegun ||= state.chunks !== undefined;
      const isOver = isOverIn(state);
      const entries = await withRedis("Reading results", () => this.#read(last, isOver));
      if (entries.length === 0 && isOver) return;
      for (const [id, text] of entries) {
        yield decodeResult<Value>(text);
        last = id;
      }
      const ids = entries.map(([id]) => id);
      if (ids.length > 0) {
        await withRedis("Removing results", () => this.#redis.xdel(this.#keys.results, ...ids));
      }
    }
    throw new AbortError("Collecting results was aborted.", { cause: signal?.reason });
  }

  /** How far the sweep is. Rejects with a `FleetError` if Redis can't be reached. */
  async progress(): Promise<FleetProgress> {
    const state = await this.#state();
    const uncollected = await withRedis(
      "Counting results",
      () => this.#redis.xlen(this.#keys.results),
    );
    const [enqueued, done, failed] = ["enqueued", "done", "failed"].map((name) =>
      Number(state[name] ?? 0)
    );
    const isComplete = state.isComplete === "1";
    const seconds = Date.now() / 1000 - Number(state.begun ?? Infinity);
    const rate = seconds > 0 ? done / seconds : 0;
    const timeLeft = !isComplete || rate === 0 ? undefined : (enqueued - done) / rate * 1000;
    return { enqueued, isComplete, done, failed, uncollected, rate, timeLeft };
  }

  /** Removes all that the sweep has in Redis; stop its workers before. */
  async remove(): Promise<void> {
    const { state, results, finished, backends, marksOf } = this.#keys;
    await withRedis("Removing a sweep", async () => {
      for (const backend of [defaultBackend, ...await this.#redis.smembers(backends)]) {
        await this.#queueOf(backend).obliterate({ force: true });
      }
      const chunks = Number((await this.#state()).chunks ?? 0);
      for (let chunk = 0; chunk <= chunks; chunk++) await this.#redis.del(marksOf(chunk));
      await this.#redis.del(state, results, finished, backends);
    });
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    const closing = Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    // A queue that waits for Redis comes to its end by that.
    this.#redis.disconnect();
    await closing;
  }

  /** Closes the connections, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #state(): Promise<Record<string, string>> {
    return withRedis("Reading the sweep's state", () => this.#redis.hgetall(this.#keys.state));
  }

  async #read(last: string, isOver: boolean): Promise<readonly [id: string, text: string][]> {
    const { results } = this.#keys;
    const limits = [resultsAtOnce, resultBytesAtOnce];
    // A connection that is blocked would be of no use for anything else meanwhile.
    const found = await this.#redis.eval(resultsScript, 1, results, last, ...limits);
    const entries = found as [id: string, text: string][];
    if (entries.length > 0) return entries;
    if (!isOver) await new Promise((resolve) => setTimeout(resolve, resultsWait));
    return [];
  }

  /** Adds the jobs of a chunk; those that are there already stay as they are. */
  async #add(
    chunk: Chunk,
    jobs: ReadonlyMap<string, FleetJob[]>,
    enqueuer: string,
  ): Promise<void> {
    const { state, backends } = this.#keys;
    if (await this.#redis.hget(state, "enqueuer") !== enqueuer) throw takenOverError();
    for (const [backend, list] of jobs) {
      await this.#redis.sadd(backends, backend);
      await this.#queueOf(backend).addBulk(list.map((data, at) => ({
        ...{ name: "users", data },
        opts: { ...jobOptions, jobId: `chunk-${chunk.number}-${at}` },
      })));
    }
    const { number, hash, end } = chunk;
    const noted = await this.#redis.eval(chunkScript, 1, state, enqueuer, number, end, hash);
    if (noted !== "noted") throw takenOverError();
  }

  #queueOf(backend: string): Queue<FleetJob> {
    let queue = this.#queues.get(backend);
    if (queue === undefined) {
      queue = new Queue<FleetJob>(queueOf(backend), {
        ...{ connection: this.#redis, prefix: this.#keys.prefix },
      });
      queue.on("error", () => {});
      this.#queues.set(backend, queue);
    }
    return queue;
  }
}

/** A job that fails is tried again for ever: each user of it gets a result. */
const jobOptions = {
  ...{ attempts: 1_000_000, backoff: { type: "fixed", delay: 1_000 } },
  ...{ removeOnComplete: true, removeOnFail: false },
};

/** Whether all users are done. */
function isOverIn({ isComplete, enqueued = "0", done = "0" }: Record<string, string>): boolean {
  return isComplete === "1" && Number(done) >= Number(enqueued);
}

function goneError(): FleetError {
  return new FleetError(
    "What the sweep had in Redis is gone: it was removed, or Redis lost its data. Enqueue the users anew; those " +
      "without a result may have been done.",
    { sent: true },
  );
}

function takenOverError(): FleetError {
  return new FleetError(
    "Another process has begun to enqueue the users of this sweep, or Redis lost its data. Let one process at a " +
      "time enqueue, and give another sweep another name.",
  );
}

function changedError(): FleetError {
  return new FleetError(
    "The users are not those that were enqueued before. Pass the same list in the same order, or use another " +
      '"name".',
  );
}
