/**
 * Options and results of fleets.
 *
 * @module
 */

import { checkOptions, LocalProtocolError } from "@dovewire/dovewire/core";
import type { RedisOptions } from "ioredis";

/** Where Redis is: a URL, "redis://127.0.0.1:6379", or options of ioredis. */
export type RedisPlace = string | RedisOptions;

/** Options of everything that takes part in a fleet's sweep. */
export interface FleetOptions {
  /** The sweep's name: who uses the same name takes part in the same sweep. */
  readonly name: string;
  /** Where Redis is. */
  readonly redis: RedisPlace;
  /** What all keys in Redis begin with; "dovewire" if left out. */
  readonly prefix?: string;
}

/** Options for enqueueing users. */
export interface EnqueueOptions {
  /**
   * How many users a job has; 100 if left out. A worker takes a job at a time, and BullMQ's limits count jobs.
   * It has to be the same when enqueueing goes on.
   */
  readonly batch?: number;
  /** The backend of a user, by any name: each has a queue of its own. "default" if left out. */
  readonly backendOf?: (user: string) => string | Promise<string>;
  /** Ends it; it goes on where it stopped when it is called again. */
  readonly signal?: AbortSignal;
}

/** Limits of a backend, which hold for all workers together. */
export interface FleetLimits {
  /** How many jobs run at once. */
  readonly concurrency?: number;
  /** How many jobs begin in how many milliseconds. */
  readonly rate?: { readonly max: number; readonly duration: number };
}

/** How far a fleet's sweep is. */
export interface FleetProgress {
  /** How many users were enqueued. */
  readonly enqueued: number;
  /** Whether these are all. */
  readonly isComplete: boolean;
  /** How many users are done, failures included. */
  readonly done: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many results were not collected yet. */
  readonly uncollected: number;
  /** Users a second, since the first was begun. */
  readonly rate: number;
  /** How many milliseconds are left at that rate; `undefined` if that is unknown. */
  readonly timeLeft: number | undefined;
}

/** An error as it came from a worker. */
export interface FleetResultError {
  /** Its class's name. */
  readonly name: string;
  /** Its code: that of a `DovewireError`, else "other". */
  readonly code: string;
  /** What happened, and what to do. */
  readonly message: string;
}

/** What became of a user; `index` is the user's place in the input, from 0. */
export type FleetResult<Value> =
  | {
    readonly ok: true;
    readonly user: string;
    readonly index: number;
    /** What the work returned, as JSON has it. */
    readonly value: Value;
  }
  | {
    readonly ok: false;
    readonly user: string;
    readonly index: number;
    readonly error: FleetResultError;
    /** Whether something may have been done for the user. */
    readonly sent: boolean;
  };

/**
 * Throws a `LocalProtocolError` for a wrong name, without a place of Redis, which would be this machine, and for a
 * prefix that BullMQ doesn't take.
 */
export function checkFleetOptions(options: FleetOptions): void {
  checkOptions(options);
  const { name, redis, prefix = "dovewire" } = options;
  for (const [option, value] of Object.entries({ name, prefix })) {
    if (typeof value === "string" && value !== "" && !/[{}]/.test(value)) continue;
    throw new LocalProtocolError(
      `"${option}" is ${typeof value === "string" ? JSON.stringify(value) : String(value)}. ` +
        "Set it to a text without braces.",
    );
  }
  const isPlace = typeof redis === "string"
    ? /^(rediss?:\/\/|\/)./.test(redis)
    : typeof redis === "object" && redis !== null;
  if (!isPlace) {
    // It may have a password.
    throw new LocalProtocolError(
      '"redis" is no place of Redis. Set it to a URL like "redis://127.0.0.1:6379", or to options of ioredis.',
    );
  }
  if (typeof redis === "object" && redis.keyPrefix) {
    throw new LocalProtocolError(
      '"redis" has a "keyPrefix", which BullMQ doesn\'t take. Set "prefix", beside "redis", instead.',
    );
  }
}

/** A whole number from 1 on; throws a `LocalProtocolError` for anything else. */
export function checkCount(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new LocalProtocolError(
    `"${option}" is ${String(value)}. Set it to a whole number from 1 on.`,
  );
}
