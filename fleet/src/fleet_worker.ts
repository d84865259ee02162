/**
 * A worker of a fleet.
 *
 * @module
 */

import { checkOptions, DovewireError, LocalProtocolError } from "@dovewire/dovewire/core";
import {
  sweep,
  type SweepContext,
  SweepInterruptedError,
  type SweepWork,
} from "@dovewire/dovewire/sweep";
import { callListener, startTimer, type Timer } from "@dovewire/dovewire/transports";
import { type Job, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { FleetJob } from "./chunks.ts";
import { redisAt } from "./connection.ts";
import { FleetError, withoutArguments } from "./fleet_error.ts";
import { checkCount, checkFleetOptions, type FleetOptions } from "./fleet_options.ts";
import { defaultBackend, type FleetKeys, keysOf, queueOf } from "./keys.ts";
import { Marks } from "./marks.ts";
import { encodeResult } from "./results.ts";

/** How many bytes a result may have, if nothing is said. */
const defaultMaxResultBytes = 16 * 1_048_576;

/** Options for a worker; times are in milliseconds. */
export interface FleetWorkerOptions extends FleetOptions {
  /** The backends whose users it takes; `["default"]` if left out. */
  readonly backends?: readonly string[];
  /** For how many users of a job the work is under way at once; 20 if left out. */
  readonly concurrency?: number;
  /** How many jobs of a backend it has at once; 1 if left out. */
  readonly jobs?: number;
  /** Whether the work may run twice for a user; `false` if left out. The same for all workers. */
  readonly idempotent?: boolean;
  /** How many times idempotent work is tried again, as by `sweep`; 5 if left out. */
  readonly retries?: number;
  /** How many results may wait in Redis; workers wait until some were collected. 1,000,000 if left out. */
  readonly maxResults?: number;
  /**
   * How many bytes a result may have as JSON; 16 MiB if left out. One that has more becomes a failure. Redis takes
   * no more than its `proto-max-bulk-len`, 512 MiB.
   */
  readonly maxResultBytes?: number;
  /** How long a job belongs to a worker that says nothing; 30,000 if left out, 24 days at most. */
  readonly lockDuration?: number;
  /** How often jobs of workers that are gone are looked for; 30,000 if left out, 24 days at most. */
  readonly stalledInterval?: number;
  /**
   * How long Redis may take when the worker is closed and its work has ended, before the connection is closed
   * without it; 10,000 if left out.
   */
  readonly closeTimeout?: number;
  /** Called with what goes wrong besides the work: with Redis, or with a job that another worker has now. */
  readonly onError?: (error: Error) => void;
}

/** What stands for a user that is done already. */
const alreadyDone: unique symbol = Symbol("already done");

/** How long to wait while too many results wait, in milliseconds. */
const fullWait = 500;

/**
 * Does the work for users that were enqueued, from its start until it is closed. Begin and end of each user
 * are noted in Redis, in the same step in which it is checked that the job is still this worker's. So if a
 * worker is killed, or its event loop stands still for longer than `lockDuration`, another one goes on: users
 * that were done are not begun again; for those under way, idempotent work is run again, and other work is a
 * result with `sent: true`.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire";
 * import { FleetWorker } from "@dovewire/fleet";
 *
 * const doveadm = connect("doveadm+unix:///run/dovecot/doveadm-server");
 * const worker = new FleetWorker(
 *   (user, context) => doveadm.run("force-resync", { user, mailboxMask: "*" }, context),
 *   { name: "resync-2026", redis: "redis://127.0.0.1:6379", idempotent: true },
 * );
 * await worker.closed;
 * ```
 */
export class FleetWorker implements AsyncDisposable {
  readonly #work: SweepWork<unknown>;
  readonly #options: FleetWorkerOptions;
  readonly #keys: FleetKeys;
  readonly #redis: Redis;
  readonly #workers: readonly Worker<FleetJob>[];
  readonly #closing = new AbortController();
  /** For how many users the work is under way. */
  #running = 0;
  #onIdle: () => void = () => {};
  #patience: Timer | undefined;
  #closed: Promise<void> | undefined;
  readonly #whenClosed: Promise<void>;
  #resolve!: () => void;

  /** Starts it. Throws a `LocalProtocolError` for invalid options. */
  constructor(work: SweepWork<unknown>, options: FleetWorkerOptions) {
    checkFleetOptions(options);
    const { backends = [defaultBackend], jobs = 1, concurrency = 20, maxResults = 1_000_000 } =
      options;
    const { lockDuration = 30_000, stalledInterval = 30_000, closeTimeout = 10_000 } = options;
    const { maxResultBytes = defaultMaxResultBytes } = options;
    const counts = {
      ...{ jobs, concurrency, maxResults, maxResultBytes },
      ...{ lockDuration, stalledInterval, closeTimeout },
    };
    for (const [name, value] of Object.entries(counts)) checkCount(name, value);
    checkDelays({ lockDuration, stalledInterval });
    if (typeof work !== "function") throw new LocalProtocolError("The work is not a function.");
    checkOptions(options, { functions: ["onError"] });
    checkBackends(backends);
    // Throws for an invalid name, before there is a connection.
    const queues = [...new Set(backends)].map(queueOf);
    // Checks the options of the sweeps, which begin much later.
    const { idempotent, retries } = options;
    sweep([], work, { concurrency, idempotent, retries });
    this.#work = work;
    this.#options = options;
    this.#keys = keysOf(options);
    this.#redis = redisAt(options.redis, true);
    this.#whenClosed = new Promise((resolve) => this.#resolve = resolve);
    // For remove(): BullMQ has keys of a backend that never gets a user, too.
    this.#redis.sadd(this.#keys.backends, ...backends).catch(() => {});
    this.#workers = queues.map((queue) => {
      const worker: Worker<FleetJob> = new Worker(
        queue,
        (job, token) => this.#runOrTell(job, worker.toKey(`${job.id}:lock`), token!),
        {
          ...{ connection: this.#redis, prefix: this.#keys.prefix, concurrency: jobs },
          // A job is never given up, however many of its workers are killed.
          ...{ lockDuration, stalledInterval, maxStalledCount: 1_000_000 },
        },
      );
      worker.on("error", (error) => callListener(options.onError, withoutArguments(error)));
      return worker;
    });
  }

  /** Resolves when it is closed. */
  get closed(): Promise<void> {
    return this.#whenClosed;
  }

  /**
   * Begins no more users, aborts the context's signal, and resolves when the work that is under way has
   * ended. What is left of its jobs goes to other workers. If Redis hangs, it is waited for `closeTimeout`:
   * the ends that it wasn't told are unknown to it, as after a kill.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Closes it, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(new FleetError("The worker was closed."));
    this.#disconnectLater();
    await Promise.allSettled(this.#workers.map((worker) => worker.close()));
    this.#patience?.stop();
    this.#redis.disconnect();
    this.#resolve();
  }

  /**
   * Closes the connection when the work has ended and Redis had its time after that: what waits for Redis fails
   * then, and the workers come to their end.
   */
  #disconnectLater(): void {
    if (this.#running > 0) {
      this.#onIdle = () => {
        this.#onIdle = () => {};
        this.#disconnectLater();
      };
      return;
    }
    const { closeTimeout = 10_000 } = this.#options;
    this.#patience = startTimer(closeTimeout, () => {
      // Redis may have let one more user begin meanwhile.
      if (this.#running > 0) this.#disconnectLater();
      else this.#redis.disconnect();
    });
  }

  async #runWork(user: string, context: SweepContext): Promise<unknown> {
    this.#running++;
    try {
      return await this.#work(user, context);
    } finally {
      if (--this.#running === 0) this.#onIdle();
    }
  }

  async #runOrTell(job: Job<FleetJob>, lock: string, token: string): Promise<void> {
    try {
      await this.#run(job, lock, token);
    } catch (error) {
      if (!this.#closing.signal.aborted) callListener(this.#options.onError, error as Error);
      throw error;
    }
  }

  /** Does the work for the users of a job. Rejects if some are left, so that the job is begun again. */
  async #run({ data }: Job<FleetJob>, lock: string, token: string): Promise<void> {
    const { concurrency, idempotent, retries, maxResultBytes = defaultMaxResultBytes } =
      this.#options;
    const marks = new Marks({ redis: this.#redis, keys: this.#keys, job: data, lock, token });
    const results = sweep(
      data.users.map(([, user]) => user),
      (user, context) =>
        this.#begin(marks, user, { ...context, index: data.users[context.index][0] }),
      { ...{ concurrency, idempotent, retries }, signal: this.#closing.signal },
    );
    for await (const result of results) {
      if (!result.ok && result.error instanceof JobFailure) throw result.error.reason;
      if (result.ok && result.value === alreadyDone) continue;
      const isOurs = await marks.end(
        encodeResult(result, data.users[result.index][0], maxResultBytes),
      );
      if (!isOurs) throw lostError();
    }
  }

  /** Runs the work for a user, unless it was done or begun before. */
  async #begin(marks: Marks, user: string, context: SweepContext): Promise<unknown> {
    const { maxResults = 1_000_000, idempotent = false } = this.#options;
    for (;;) {
      const decision = await marks.begin(context.index, { maxResults, idempotent })
        .catch((error) => {
          throw new JobFailure(error);
        });
      switch (decision) {
        case "run":
          return await this.#runWork(user, context);
        case "done":
          return alreadyDone;
        case "lost":
          throw new JobFailure(lostError());
        case "interrupted":
          throw new SweepInterruptedError(
            "A worker was gone while its work for the user was under way: it is unknown whether it was done.",
            { sent: true },
          );
      }
      await new Promise<void>((resolve) => startTimer(fullWait, resolve));
      if (context.signal.aborted) throw new JobFailure(context.signal.reason);
    }
  }
}

/** Throws a `LocalProtocolError` for what isn't a list of names, or an empty one, with nothing to do. */
function checkBackends(backends: readonly string[]): void {
  const isList = Array.isArray(backends) && backends.length > 0 &&
    Array.from(backends).every((backend) => typeof backend === "string");
  if (isList) return;
  throw new LocalProtocolError(
    '"backends" is not a list of names. Set it to one, like ["mail1"], or leave it out.',
  );
}

/** The longest delay of a timer of BullMQ's, in milliseconds: longer ones end at once, again and again. */
const longestDelay = 0x7fff_ffff;

/** Throws a `LocalProtocolError` for a time that is too long for a timer. */
function checkDelays(delays: Readonly<Record<string, number>>): void {
  for (const [option, delay] of Object.entries(delays)) {
    if (delay <= longestDelay) continue;
    throw new LocalProtocolError(
      `"${option}" is ${delay}. Set it to ${longestDelay}, 24 days, or less.`,
    );
  }
}

/** What ends a job, and is no result of a user. */
class JobFailure extends DovewireError {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super("The job failed.");
    this.reason = reason;
  }
}

function lostError(): FleetError {
  return new FleetError(
    "Another worker has the job now, since this one said nothing for too long. Don't block the event loop, or " +
      'raise "lockDuration".',
  );
}
