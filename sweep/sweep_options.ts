/**
 * Options for sweeps.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions, shownValue } from "../core/option_checks.ts";
import { timeLimit } from "../core/time_limit.ts";
import { fileJournal } from "./file_journal.ts";
import type { SweepJournal } from "./journal.ts";
import type { SweepProgress } from "./sweep_progress.ts";

/** The users of a sweep: names, in an order that is the same when the sweep goes on. */
export type SweepUsers = Iterable<string> | AsyncIterable<string>;

/**
 * Does something for a user, and returns what is to be in the result. If it throws, the result is a failure.
 */
export type SweepWork<Value> = (user: string, context: SweepContext) => Value | Promise<Value>;

/**
 * What work is told, besides the user. It has the names of a command's options, so that it can be passed to
 * `run()` and `send()` as it is.
 */
export interface SweepContext {
  /** Aborts when the sweep is to end: it waits for the work that is under way. */
  readonly signal: AbortSignal;
  /** The sweep's own option. */
  readonly idempotent: boolean;
  /** The user's place in the input, from 0. */
  readonly index: number;
  /** 1, and for work that is tried again 2, 3 … */
  readonly attempt: number;
}

/** Options for a sweep; times are in milliseconds. */
export interface SweepOptions {
  /**
   * For how many users the work is under way at once, those included whose result was not taken yet; 20 if
   * left out. Twice the client's `maxConnections` keeps all of its connections busy.
   */
  concurrency?: number;
  /** For how many users of one server it is under way at once; needs `serverOf`. No limit if left out. */
  perServer?: number;
  /** The server of a user, by any name. Users whose server is busy let others go ahead. */
  serverOf?: (user: string) => string | Promise<string>;
  /**
   * Whether the work may run twice for a user; `false` if left out. Then it is tried again after a failure
   * that passes (no connection, a lost one, a time-out, "TEMPFAIL"), and after the sweep was killed.
   */
  idempotent?: boolean;
  /**
   * How many times idempotent work is tried again: after about 1 s, 2 s, 4 s … up to 30 s; 5 if left out. The
   * user keeps its place among those under way meanwhile.
   */
  retries?: number;
  /** Ends the sweep: it begins no more, and throws an `AbortError` after what is under way. */
  signal?: AbortSignal;
  /** Called about once a second, and at the end. */
  onProgress?: (progress: SweepProgress) => void;
  /** Time between two calls of `onProgress`; 1,000 if left out, 0 or `Infinity` for at the end only. */
  progressInterval?: number;
  /** How many users there are, if that is known and `users` has neither a `length` nor a `total`. */
  total?: number;
  /** Where the sweep notes how far it is: the path of a file, or a journal of your own. */
  journal?: string | SweepJournal;
}

/** Options with their defaults, checked; `Infinity` for no limit. */
export interface CheckedSweepOptions {
  readonly concurrency: number;
  readonly perServer: number;
  readonly serverOf: SweepOptions["serverOf"];
  readonly idempotent: boolean;
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: SweepOptions["onProgress"];
  readonly progressInterval: number;
  readonly total: number | undefined;
  readonly journal: SweepJournal | undefined;
}

/** Checks options; throws a `LocalProtocolError` that names the wrong one. */
export function checkSweepOptions(options: SweepOptions): CheckedSweepOptions {
  checkOptions(options, {
    booleans: ["idempotent"],
    functions: ["serverOf", "onProgress"],
  });
  const { concurrency = 20, perServer = Infinity, retries = 5, total, serverOf } = options;
  const { progressInterval = 1000 } = options;
  checkCount("concurrency", concurrency, 1);
  if (concurrency === Infinity) throw wrong("concurrency", concurrency, "a finite number");
  checkCount("perServer", perServer, 1);
  checkCount("retries", retries, 0);
  if (total !== undefined) checkCount("total", total, 0);
  if (perServer !== Infinity && serverOf === undefined) {
    throw new LocalProtocolError(
      '"perServer" is set, and it is unknown which server a user has. Set "serverOf", too.',
    );
  }
  return {
    ...{ concurrency: Math.floor(concurrency), perServer: Math.floor(perServer), serverOf },
    ...{ retries: Math.floor(retries), idempotent: options.idempotent === true, total },
    ...{ signal: options.signal, onProgress: options.onProgress },
    progressInterval: timeLimit("progressInterval", progressInterval),
    journal: checkJournal(options.journal),
  };
}

function checkCount(option: string, value: number, least: number): void {
  if (typeof value === "number" && value >= least) return;
  throw wrong(option, value, `a number from ${least} on`);
}

function checkJournal(journal: string | SweepJournal | undefined): SweepJournal | undefined {
  if (typeof journal === "string") return fileJournal(journal);
  if (journal === undefined) return undefined;
  if (typeof journal?.load === "function" && typeof journal.save === "function") return journal;
  throw wrong("journal", journal, "a path, or an object with the functions load() and save()");
}

function wrong(option: string, value: unknown, right: string): LocalProtocolError {
  return new LocalProtocolError(`"${option}" is ${shownValue(value)}. Set it to ${right}.`);
}
