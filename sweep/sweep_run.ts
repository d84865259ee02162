/**
 * One run of a sweep, from its first user, or from where the one before stopped.
 *
 * @module
 */

import { messageOf } from "../core/error_text.ts";
import { AbortError, DovewireError } from "../core/errors.ts";
import { quoteText } from "../core/peer_text.ts";
import { Queue } from "../core/queue.ts";
import { type Clock, onAbort } from "../transports/timers.ts";
import type { OpenUser } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { skipDone } from "./resume.ts";
import { isPassing, waitAfter } from "./retry.ts";
import { ServerQueues, type SweepEntry } from "./server_queues.ts";
import { SweepInterruptedError } from "./sweep_errors.ts";
import type { CheckedSweepOptions, SweepUsers, SweepWork } from "./sweep_options.ts";
import { ProgressTeller, type SweepCounts } from "./sweep_progress.ts";
import type { SweepFailure, SweepResult } from "./sweep_result.ts";
import { isPromise, UserSource } from "./user_source.ts";

/** Options for a {@linkcode SweepRun}. */
export interface SweepRunOptions extends CheckedSweepOptions {
  readonly clock: Clock;
  /** From 0 to less than 1. */
  readonly random: () => number;
}

/** How many users wait for their servers at most, for each that may be under way. */
const waitingForEach = 4;

/** One run of a sweep. */
export class SweepRun<Value> {
  readonly #work: SweepWork<Value>;
  readonly #options: SweepRunOptions;
  readonly #source: UserSource;
  readonly #ledger: Ledger;
  readonly #queues: ServerQueues;
  readonly #teller: ProgressTeller;
  readonly #aborting = new AbortController();
  readonly #results = new Queue<SweepResult<Value>>();
  /**
   * "new": nothing was asked for. "going": users are begun. "ending": no more are, and those under way come
   * to their end.
   */
  #state: "new" | "going" | "ending" = "new";
  /** Why it ends before the last user. */
  #error: { readonly reason: unknown } | undefined;
  /** Users of an earlier run that are not done. */
  #backlog: OpenUser[] = [];
  #isReading = false;
  #isAtEnd = false;
  /** How many users are under way, and how many of those have no result yet. */
  #underWay = 0;
  #running = 0;
  #taken: SweepResult<Value> | undefined;
  #skipped = 0;
  #done = 0;
  #failed = 0;
  #wake: () => void = () => {};
  /** Ends the wait for a user's server. */
  #interrupt: () => void = () => {};
  #forgetSignal: () => void = () => {};

  /** Starts nothing yet. */
  constructor(users: SweepUsers, work: SweepWork<Value>, options: SweepRunOptions) {
    this.#work = work;
    this.#options = options;
    this.#source = new UserSource(users, options.total);
    this.#ledger = new Ledger(options.journal);
    this.#queues = new ServerQueues(options.perServer);
    this.#teller = new ProgressTeller({
      ...{ clock: options.clock, interval: options.progressInterval },
      ...{ listener: options.onProgress, counts: () => this.#counts() },
    });
  }

  /** The next result; `undefined` after the last one. Asking for it means that the one before was taken. */
  async next(): Promise<SweepResult<Value> | undefined> {
    if (this.#state === "new") await this.#start();
    if (this.#taken !== undefined) {
      this.#ledger.end(this.#taken.index);
      this.#taken = undefined;
      this.#underWay--;
    }
    this.#pump();
    while (this.#results.size === 0 && !this.#isOver) await this.#change();
    this.#taken = this.#results.shift();
    if (this.#taken !== undefined) return this.#taken;
    if (this.#error !== undefined) throw this.#error.reason;
    await this.#ledger.flush();
  }

  /** Ends it, and resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#abort(new AbortError("The results of the sweep were not taken to their end."));
    while (this.#running > 0 || this.#isReading) await this.#change();
    this.#forgetSignal();
    this.#teller.stop();
    const outcomes = [
      ...await Promise.allSettled([this.#ledger.flush()]),
      ...await Promise.allSettled([this.#ledger.close()]),
    ];
    for (const outcome of outcomes) {
      // Else the caller knows another reason already.
      if (outcome.status === "rejected" && this.#error === undefined) throw outcome.reason;
    }
  }

  async #start(): Promise<void> {
    this.#state = "going";
    const { signal } = this.#options;
    if (signal !== undefined) {
      this.#forgetSignal = onAbort(signal, () => {
        this.#fail(
          new AbortError("The sweep was aborted.", {
            cause: signal.reason,
            sent: this.#underWay > 0 || this.#done > 0,
          }),
        );
        this.#abort(signal.reason);
      });
    }
    const state = await this.#ledger.load();
    if (state !== undefined) {
      await skipDone(state, this.#source, this.#ledger);
      // Closed by the signal: it isn't known yet how many are done.
      if (!this.#source.isClosed) {
        this.#backlog = [...state.open].reverse();
        this.#skipped = this.#done = this.#ledger.position - state.open.length;
      }
    }
    this.#teller.start();
  }

  /** Begins users as far as it is possible now. */
  #pump(): void {
    while (this.#state === "going" && this.#underWay < this.#options.concurrency) {
      const entry = this.#queues.take();
      if (entry !== undefined) {
        this.#underWay++;
        this.#running++;
        void this.#process(entry);
      } else if (!this.#mayRead || !this.#read()) break;
    }
    this.#wake();
  }

  /** Whether another user is wanted. */
  get #mayRead(): boolean {
    const { concurrency } = this.#options;
    return this.#state === "going" && !this.#isReading && !this.#isAtEnd &&
      this.#underWay < concurrency && this.#queues.waiting < concurrency * waitingForEach;
  }

  /** Whether there will be no more results. */
  get #isOver(): boolean {
    if (this.#underWay > 0 || this.#isReading) return false;
    return this.#state === "ending" || this.#isAtEnd;
  }

  /** Resolves when something has changed. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  /**
   * Reads the next user; returns whether that is done. If it isn't, since the user has to be waited for, users are
   * begun when it is.
   */
  #read(): boolean {
    this.#isReading = true;
    try {
      const entry = this.#nextEntry();
      if (isPromise(entry)) {
        entry.then((entry) => this.#add(entry), (error) => this.#fail(error)).then(() => {
          this.#isReading = false;
          this.#pump();
        });
        return false;
      }
      this.#add(entry);
    } catch (error) {
      this.#fail(error);
    }
    this.#isReading = false;
    return true;
  }

  #add(entry: SweepEntry | undefined): void {
    if (entry !== undefined) this.#queues.add(entry);
    else this.#isAtEnd = true;
  }

  /** The next user, of the backlog or the input. */
  #nextEntry(): SweepEntry | undefined | Promise<SweepEntry | undefined> {
    const open = this.#backlog.pop();
    if (open?.isBegun && !this.#options.idempotent) {
      return { ...open, server: "", failure: interrupted(open.user) };
    }
    if (open !== undefined) return this.#entryOf(open.user, open.index);
    const user = this.#source.next();
    return isPromise(user) ? user.then((user) => this.#newEntry(user)) : this.#newEntry(user);
  }

  #newEntry(user: string | undefined): SweepEntry | undefined | Promise<SweepEntry> {
    return user === undefined ? undefined : this.#entryOf(user, this.#ledger.take(user));
  }

  #entryOf(user: string, index: number): SweepEntry | Promise<SweepEntry> {
    const entry = (server: string | undefined) => ({ index, user, server: String(server ?? "") });
    const failed = (thrown: unknown) => ({ index, user, server: "", failure: errorOf(thrown) });
    try {
      const found = this.#options.serverOf?.(user);
      return isPromise(found) ? this.#unlessEnding(found).then(entry).catch(failed) : entry(found);
    } catch (thrown) {
      return failed(thrown);
    }
  }

  /** What the caller's function finds; the end of the sweep doesn't wait for it. */
  #unlessEnding<Found>(found: Promise<Found>): Promise<Found | undefined> {
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve(undefined);
      found.then(resolve, reject);
      // It may have ended while the function was called, or before.
      if (this.#state === "ending") this.#interrupt();
    });
  }

  /** Does the work for a user, and gets its result. */
  async #process(entry: SweepEntry): Promise<void> {
    let result: SweepResult<Value> | undefined;
    try {
      if (entry.failure === undefined) await this.#ledger.begin(entry.index);
      result = await this.#resultOf(entry);
    } catch (error) {
      this.#fail(error);
    }
    this.#queues.leave(entry);
    this.#running--;
    if (result === undefined) this.#underWay--;
    else {
      this.#done++;
      if (!result.ok) this.#failed++;
      this.#results.push(result);
    }
    this.#pump();
  }

  /** The result for a user; `undefined` if it is to be begun again by another run. */
  async #resultOf(entry: SweepEntry): Promise<SweepResult<Value> | undefined> {
    const { index, user, failure } = entry;
    const { idempotent, retries } = this.#options;
    const { signal } = this.#aborting;
    if (failure !== undefined) return failureOf(entry, failure);
    if (signal.aborted) {
      this.#ledger.postpone(index);
      return undefined;
    }
    for (let attempt = 1;; attempt++) {
      try {
        const value = await this.#work(user, { signal, idempotent, index, attempt });
        return { ok: true, user, index, value };
      } catch (thrown) {
        const error = errorOf(thrown);
        if (signal.aborted) return undefined;
        if (!idempotent || attempt > retries || !isPassing(error)) return failureOf(entry, error);
        await this.#pause(attempt);
        if (signal.aborted) return undefined;
      }
    }
  }

  /** Waits before the next attempt; the signal ends the wait. */
  #pause(attempts: number): Promise<void> {
    const { clock, random } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.startTimer(waitAfter(attempts, random()), () => {
        forget();
        resolve();
      });
      const forget = onAbort(this.#aborting.signal, () => {
        timer.stop();
        resolve();
      });
    });
  }

  /** Begins no more users; the sweep ends with that error. */
  #fail(reason: unknown): void {
    this.#error ??= { reason };
    this.#end();
  }

  /** Begins no more users, and asks the work that is under way to end. */
  #abort(reason: unknown): void {
    this.#end();
    this.#aborting.abort(reason);
  }

  #end(): void {
    this.#state = "ending";
    this.#source.close();
    this.#interrupt();
    this.#wake();
  }

  #counts(): SweepCounts {
    return {
      ...{ done: this.#done, failed: this.#failed, skipped: this.#skipped },
      ...{ running: this.#running, total: this.#source.total },
    };
  }
}

function failureOf({ user, index }: SweepEntry, error: Error): SweepFailure {
  return {
    ok: false,
    user,
    index,
    error,
    sent: error instanceof DovewireError ? error.sent : true,
  };
}

function errorOf(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new DovewireError(`The work threw ${messageOf(thrown)}.`, { cause: thrown, sent: true });
}

function interrupted(user: string): SweepInterruptedError {
  return new SweepInterruptedError(
    `The sweep ended while its work for ${
      quoteText(user)
    } was under way: it is unknown whether it was ` +
      "done. Find out, or run it again if that does no harm.",
    { sent: true },
  );
}
