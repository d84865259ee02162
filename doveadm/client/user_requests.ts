/**
 * Sends a call's requests for many users, several at a time.
 *
 * @module
 */

import type { SendOptions } from "./request.ts";
import type { RowLimits } from "./row_size.ts";
import { type Row, withUser } from "./typed_call.ts";
import type { UserOutcomes } from "./user_outcomes.ts";

/** A part of the answer to a request for some users; `user` is a user's index in the request. */
export type UserAnswer =
  /** Rows of a user, without the column of the user's name. */
  | { readonly type: "rows"; readonly user: number; readonly rows: readonly Row[] }
  /** There is no more from a user; `error` says why the command failed, if it did. */
  | { readonly type: "end"; readonly user: number; readonly error?: unknown };

/** The way of a call for many users to the server. */
export interface UserSource {
  /** How many requests may be under way at once. */
  readonly width: number;
  /**
   * The most users of a request. If there are several, and the request fails as a whole, those without an
   * answer are asked again, each in a request of its own: so the command must do no harm if it runs twice.
   */
  readonly usersPerRequest: number;
  /** The limits for the rows of all users together, if they are collected. */
  readonly limits: RowLimits;
  /** Sends a request for some users; throws the error of all users of whom it yielded no end. */
  ask(users: readonly string[], options: SendOptions): AsyncGenerator<UserAnswer, void, void>;
}

/**
 * How many requests may be under way at once, with so many connections. Those whose rows are taken as they
 * arrive may wait for their caller, who must find a connection for another call meanwhile, and one for a
 * stream.
 */
export function widthFor(maxConnections: number, isStream: boolean): number {
  return isStream ? Math.max(1, maxConnections - 2) : maxConnections;
}

/** Takes the rows of users, who are known by their indexes. */
export interface UserRowSink {
  /** Takes rows of a user; the request goes on when the promise resolves. */
  rows(user: number, rows: readonly Row[]): void | Promise<void>;
  /** There is no more from a user. */
  end(user: number, isFailed: boolean): void;
  /** Nothing more is taken: the call failed as a whole. */
  fail(error: unknown): void;
  /** Whether the rows of another user are wanted now. */
  readonly isOpen: boolean;
}

/** Options for {@linkcode UserRequests}. */
export interface UserRequestsOptions {
  /** The users' names, each once. */
  readonly names: readonly string[];
  /** The way to the server. */
  readonly source: UserSource;
  /** The caller's options for each request; its signal aborts when the call is over. */
  readonly sendOptions: SendOptions;
  /** Gets the outcome for each user. */
  readonly outcomes: UserOutcomes;
  /** Gets the rows. */
  readonly sink: UserRowSink;
  /** Whether to begin with few requests at once, and to send more if the sink remains open. */
  readonly isGradual: boolean;
}

/** A request that is answered sooner than this may have twice the users next time, in milliseconds. */
const quick = 500;

/** After a request that takes longer than this, the next have half the users, in milliseconds. */
const slow = 2000;

/**
 * The requests for many users. Names are taken as they are needed, so that the memory in use depends on how
 * many requests are under way, and not on how many users there are.
 *
 * A request has one user at first, and more as long as it is answered quickly: then one that takes too long
 * does so because of one of its users, and not because of their number.
 */
export class UserRequests {
  readonly #options: UserRequestsOptions;
  readonly #ending = new AbortController();
  /**
   * "going": requests are sent. "stopping": those under way come to their end, and no others are sent.
   * "expired": they are aborted, since the time is over. "over": they are aborted, and the call fails as a
   * whole.
   */
  #state: "going" | "stopping" | "expired" | "over" = "going";
  /** Why the time is over, or why the call failed. */
  #error: unknown;
  /** The first name that no request had. */
  #next = 0;
  /** The users to ask again, each alone. */
  readonly #again = new Set<number>();
  #running = 0;
  #width: number;
  #size = 1;
  readonly #done: Promise<void>;
  #resolve!: () => void;

  /** Sends nothing yet. */
  constructor(options: UserRequestsOptions) {
    this.#options = options;
    const { isGradual, source } = options;
    this.#width = isGradual ? Math.min(2, source.width) : source.width;
    this.#done = new Promise((resolve) => this.#resolve = resolve);
  }

  /** Resolves when there is nothing more to send, and all that was sent has ended. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** Whether something may have been sent. */
  get hasBegun(): boolean {
    return this.#next > 0;
  }

  /** Sends requests as far as it is possible now. */
  pump(): void {
    while (this.#state === "going" && this.#running < this.#width) {
      const users = this.#take();
      if (users.length === 0) break;
      this.#running++;
      void this.#request(users);
    }
    const isAtEnd = this.#state !== "going" ||
      this.#next === this.#options.names.length && this.#again.size === 0;
    if (this.#running === 0 && isAtEnd) this.#resolve();
  }

  /** Aborts the requests since the time is over; their users failed with that error. */
  expire(error: Error): void {
    if (this.#state === "over") return;
    this.#state = "expired";
    this.#end(error);
  }

  /** Aborts the requests; the call fails with that error. */
  abort(error: unknown): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#options.sink.fail(error);
    this.#end(error);
  }

  /** Throws the error for the outcome, if there is one; `rows` are those that would be lost otherwise. */
  check(rows: readonly Row[]): void {
    if (this.#state === "over") throw this.#error;
    const { names, outcomes } = this.#options;
    const again = [...this.#again].sort((one, other) => one - other);
    outcomes.check({
      rows,
      unasked: [...again.map((user) => names[user]), ...names.slice(this.#next)],
    });
  }

  #end(error: unknown): void {
    this.#error = error;
    this.#ending.abort(error);
    this.pump();
  }

  /** The users of the next request: none if there are none, or if no rows are wanted. */
  #take(): readonly number[] {
    const { names, source, sink } = this.#options;
    if (this.#again.size > 0) {
      // The first of them, since a sink may keep all others waiting for that one.
      const user = Math.min(...this.#again);
      this.#again.delete(user);
      return [user];
    }
    if (!sink.isOpen) return [];
    const from = this.#next;
    const size = Math.min(this.#size, source.usersPerRequest, names.length - from);
    this.#next += size;
    return Array.from({ length: size }, (_, at) => from + at);
  }

  async #request(users: readonly number[]): Promise<void> {
    const { names, source, sendOptions, sink } = this.#options;
    const startedAt = performance.now();
    /** The users that have not ended, and whether rows of them came. */
    const left = new Map(users.map((user) => [user, false]));
    let failure: unknown;
    try {
      const asked = users.map((user) => names[user]);
      const options = { ...sendOptions, signal: this.#ending.signal };
      for await (const answer of source.ask(asked, options)) {
        const user = users[answer.user];
        if (answer.type === "end") {
          left.delete(user);
          this.#userEnded(user, answer.error);
        } else {
          left.set(user, true);
          const rows = answer.rows.map((row) => withUser(names[user], row));
          await this.#guard(() => sink.rows(user, rows));
        }
        if (this.#isAborted) break;
      }
    } catch (error) {
      failure = error;
    }
    this.#requestEnded(left, users.length, failure);
    const took = failure === undefined ? performance.now() - startedAt : Infinity;
    this.#learn(users.length, took);
    this.#running--;
    this.pump();
  }

  /** Whether requests are being aborted. */
  get #isAborted(): boolean {
    return this.#state === "expired" || this.#state === "over";
  }

  /** Decides about the users of a request that ended without an end for each of them. */
  #requestEnded(left: ReadonlyMap<number, boolean>, size: number, failure: unknown): void {
    if (this.#state === "over") return;
    if (this.#state === "expired") {
      const { names, outcomes, sink } = this.#options;
      outcomes.expired([...left.keys()].map((user) => names[user]), this.#error as Error);
      for (const user of left.keys()) sink.end(user, true);
      return;
    }
    for (const [user, hasRows] of left) {
      // Rows that were given can't be taken back.
      if (size > 1 && !hasRows && this.#state === "going") this.#again.add(user);
      else this.#userEnded(user, failure);
    }
  }

  #userEnded(user: number, error: unknown): void {
    void this.#guard(() => {
      const { names, outcomes, sink } = this.#options;
      const goesOn = outcomes.ended(names[user], error);
      sink.end(user, error !== undefined);
      if (!goesOn && this.#state === "going") this.#state = "stopping";
    });
  }

  /** Runs a callback; if it throws, the call fails with what it threw. */
  async #guard(work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.abort(error);
    }
  }

  /**
   * Adapts the number of users of a request, and of requests at once, to the time that one took; `Infinity`
   * for one that failed.
   */
  #learn(users: number, took: number): void {
    if (users === this.#size && took < quick) {
      this.#size = Math.min(this.#size * 2, this.#options.source.usersPerRequest);
    } else if (took > slow) this.#size = Math.max(1, this.#size >> 1);
    const { source, sink } = this.#options;
    if (sink.isOpen && this.#width < source.width) this.#width++;
  }
}
