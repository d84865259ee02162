/**
 * Rows on their way from the requests for many users to the caller.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/errors.ts";
import { Queue } from "../../core/queue.ts";
import { contentSize, countValues, memoryOf, type RowLimits } from "./row_size.ts";
import type { Row } from "./typed_call.ts";
import type { UserRowSink } from "./user_requests.ts";

/** Collects all rows, in the order of the users. */
export class CollectedRows implements UserRowSink {
  readonly isOpen = true;
  readonly #command: string;
  readonly #limits: RowLimits;
  #users: (Row[] | undefined)[] = [];
  #values = 0;
  #bytes = 0;

  /** Has no rows yet; the limits hold for all users together. */
  constructor(command: string, limits: RowLimits) {
    this.#command = command;
    this.#limits = limits;
  }

  /**
   * Throws a `RemoteProtocolError` for more than one reply may have: the server decides how many users
   * there are.
   */
  rows(user: number, rows: readonly Row[]): void {
    const all = this.#users[user] ??= [];
    for (const row of rows) {
      all.push(row);
      this.#values += countValues(row);
      this.#bytes += contentSize(row);
    }
    if (this.#values > this.#limits.values) throw this.#tooMany("values", "values");
    if (this.#bytes > this.#limits.reply) throw this.#tooMany("reply", "bytes");
  }

  end(user: number, isFailed: boolean): void {
    if (isFailed) this.#users[user] = undefined;
  }

  fail(): void {
    this.#users = [];
  }

  /** The rows of all users that didn't fail. */
  take(): Row[] {
    const all: Row[] = [];
    for (const rows of this.#users) for (const row of rows ?? []) all.push(row);
    this.#users = [];
    return all;
  }

  #tooMany(limit: "reply" | "values", unit: string): RemoteProtocolError {
    return new RemoteProtocolError(
      `The answers of all users to "${this.#command}" have more than ${
        this.#limits[limit]
      } ${unit}. ` +
        `Take their rows one by one with rows(), or raise "limits.${limit}".`,
      { limit, sent: true },
    );
  }
}

/** How much memory rows may take before requests have to wait, in bytes. */
const highWaterMark = 262_144;

/** Rows of a user that can't be given yet, since it is the turn of an earlier user. */
interface Parked {
  readonly rows: Row[];
  hasEnded: boolean;
}

/** Options for a {@linkcode RowFlow}. */
export interface RowFlowOptions {
  /** Whether rows are given user after user. */
  readonly isOrdered: boolean;
  /** Called when a row is waited for. */
  readonly onWait: () => void;
}

/**
 * Gives rows one by one, as they arrive or user after user, and makes requests wait as long as too many
 * rows are in memory. It is open for more users while its caller waits for a row.
 */
export class RowFlow implements UserRowSink {
  readonly #options: RowFlowOptions;
  readonly #ready = new Queue<Row>();
  /** The memory that all rows take here. */
  #size = 0;
  /** The requests that wait: for room, and for their turn. */
  #waiting: (() => void)[] = [];
  /** In order: the user whose turn it is, and rows of later ones. */
  #turn = 0;
  readonly #parked = new Map<number, Parked>();
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** Has no rows yet. */
  constructor(options: RowFlowOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#wake !== undefined && this.#size <= highWaterMark;
  }

  async rows(user: number, rows: readonly Row[]): Promise<void> {
    if (this.#end !== undefined) return;
    const isLater = this.#isLater(user);
    const target = isLater ? this.#parkedOf(user).rows : this.#ready;
    for (const row of rows) {
      this.#size += memoryOf(row);
      target.push(row);
    }
    if (!isLater) this.#wake?.();
    while (this.#size > highWaterMark && this.#end === undefined) {
      // The user whose turn it is must never wait for later ones: it waits for the caller alone.
      if (!this.#isLater(user) && this.#ready.size === 0) return;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  end(user: number): void {
    if (!this.#options.isOrdered) return;
    if (this.#isLater(user)) {
      this.#parkedOf(user).hasEnded = true;
      return;
    }
    let next: Parked | undefined;
    do {
      this.#turn++;
      next = this.#parked.get(this.#turn);
      this.#parked.delete(this.#turn);
      for (const row of next?.rows ?? []) this.#ready.push(row);
    } while (next?.hasEnded);
    if (this.#ready.size > 0) this.#wake?.();
    this.#resume();
  }

  fail(error: unknown): void {
    while (this.#ready.shift() !== undefined);
    this.#finish({ error });
  }

  /** Ends the rows after those that are here. */
  finish(): void {
    this.#finish({});
  }

  /** The next row, if it is here. */
  next(): Row | undefined {
    const row = this.#ready.shift();
    if (row === undefined) return undefined;
    this.#size -= memoryOf(row);
    if (this.#size <= highWaterMark / 2 || this.#ready.size === 0) this.#resume();
    return row;
  }

  /** Waits for a row; returns whether there is another. Throws the error that the rows ended with. */
  async wait(): Promise<boolean> {
    while (this.#ready.size === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#options.onWait();
      });
      this.#wake = undefined;
    }
    if (this.#end !== undefined && "error" in this.#end) throw this.#end.error;
    return this.#ready.size > 0;
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake?.();
    this.#resume();
  }

  #isLater(user: number): boolean {
    return this.#options.isOrdered && user !== this.#turn;
  }

  #parkedOf(user: number): Parked {
    let parked = this.#parked.get(user);
    if (parked === undefined) {
      parked = { rows: [], hasEnded: false };
      this.#parked.set(user, parked);
    }
    return parked;
  }

  /** Lets requests go on that wait; each looks whether it has to wait again. */
  #resume(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
