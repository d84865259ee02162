/**
 * Opens, keeps and closes a pool's connections.
 *
 * @module
 */

import { type ConnectionKind, connectionKinds } from "../../../core/doveadm/catalogue/mod.ts";
import { Queue } from "../../../core/queue.ts";
import type { Clock, Timer } from "../../../transports/timers.ts";
import { Alarm } from "../alarm.ts";
import type { DoveadmConnection } from "../connection.ts";
import { Backoff } from "./backoff.ts";
import type { Observer } from "./observer.ts";
import type { CloseReason } from "./pool_event.ts";
import type { CheckedPoolOptions } from "./pool_options.ts";
import { PooledConnection } from "./pooled_connection.ts";

/** Options for {@linkcode Connections}. */
export interface ConnectionsOptions extends CheckedPoolOptions {
  /** Opens a connection; rejects with the signal's reason if that aborts. */
  readonly open: (signal: AbortSignal) => Promise<DoveadmConnection>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly observer: Observer;
  /** Called with an unused connection that was just opened, which is neither idle nor running. */
  readonly onOpen: (entry: PooledConnection) => void;
  /** Called when a connection for that kind of commands could not be opened. */
  readonly onFail: (kind: ConnectionKind, error: unknown) => void;
  /** Called when one more may be opened than before. */
  readonly onRoom: () => void;
}

type Counts = Record<ConnectionKind, number>;

/** The connections of a pool; it doesn't know about commands. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  readonly #idle: Readonly<Record<ConnectionKind, Queue<PooledConnection>>> = {
    mail: new Queue(),
    plain: new Queue(),
    fresh: new Queue(),
  };
  readonly #all = new Set<PooledConnection>();
  readonly #opening: Counts = { mail: 0, plain: 0, fresh: 0 };
  readonly #running: Counts = { mail: 0, plain: 0, fresh: 0 };
  /** How many are being closed, which count until they are. */
  #leaving = 0;
  #lastNumber = 0;
  /** Until when a spare is kept, if the options leave it to the use. */
  #spareUntil = -Infinity;
  #retryTimer: Timer | undefined;
  /** When there may be idle connections to close. */
  readonly #sweepAlarm: Alarm;

  /** Has no connection. */
  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#backoff = new Backoff(options.clock, options.random);
    this.#sweepAlarm = new Alarm(() => this.#sweep(), options.clock);
  }

  /** How many are open. */
  get openCount(): number {
    return this.#all.size - this.openingCount;
  }

  /** How many are being opened. */
  get openingCount(): number {
    return this.#opening.mail + this.#opening.plain + this.#opening.fresh;
  }

  /** How many are being closed. */
  get leavingCount(): number {
    return this.#leaving;
  }

  /** Whether there may be one more. */
  get hasRoom(): boolean {
    return this.#all.size + this.#leaving < this.#options.maxConnections;
  }

  /** How many of a kind are being opened. */
  openingFor(kind: ConnectionKind): number {
    return this.#opening[kind];
  }

  /** How many of a kind there are, the ones that are being opened included. */
  sizeOf(kind: ConnectionKind): number {
    return this.#opening[kind] + this.#running[kind] + this.#idle[kind].size;
  }

  /** The numbers of each kind. */
  counts(): Record<
    ConnectionKind,
    { open: number; idle: number; running: number; opening: number }
  > {
    const none = { open: 0, idle: 0, running: 0, opening: 0 };
    const counts = { mail: { ...none }, plain: { ...none }, fresh: { ...none } };
    for (const { kind, state } of this.#all) {
      if (state === "closed") continue;
      counts[kind][state]++;
      if (state !== "opening") counts[kind].open++;
    }
    return counts;
  }

  /** How many of a kind are open. */
  openOf(kind: ConnectionKind): number {
    return this.#running[kind] + this.#idle[kind].size;
  }

  /** Whether {@linkcode take} may find one. */
  mayHave(kind: ConnectionKind): boolean {
    return this.#idle[kind].size > 0 || this.#idle.fresh.size > 0 ||
      (kind === "mail" && this.#idle.plain.size > 0 && !this.hasRoom);
  }

  /**
   * Takes an idle connection for a command: a used one that can have it, or else an unused one. One for
   * plain commands becomes one for mail commands only where no other may be opened.
   */
  take(kind: ConnectionKind, now: number): PooledConnection | undefined {
    return this.#takeFrom(kind, now) ?? this.#takeFrom("fresh", now) ??
      (kind === "mail" && !this.hasRoom ? this.#takeFrom("plain", now) : undefined);
  }

  /** Takes any idle connection, used ones first. */
  takeAny(now: number): PooledConnection | undefined {
    return this.#takeFrom("plain", now) ?? this.#takeFrom("mail", now) ??
      this.#takeFrom("fresh", now);
  }

  /** Notes that a connection that was taken, or just opened, has a command of that kind now. */
  run(entry: PooledConnection, kind: ConnectionKind): void {
    if (kind === "fresh") this.#spareUntil = this.#clock.now() + this.#options.idleTimeout;
    entry.state = "running";
    entry.kind = kind;
    this.#running[kind]++;
  }

  /** Notes that its command is over; {@linkcode keep} or {@linkcode discard} follows. */
  ran(entry: PooledConnection): void {
    this.#running[entry.kind]--;
    if (entry.state === "running") entry.state = "idle";
  }

  /** Keeps a connection that isn't running for later. */
  keep(entry: PooledConnection, now: number): void {
    if (entry.commands === 0) entry.kind = "fresh";
    entry.state = "idle";
    entry.idleSince = now;
    entry.leaveIdle = this.#idle[entry.kind].push(entry);
    this.#sweepAlarm.callBy(this.#endOf(entry));
  }

  /** Whether it should take no more commands. */
  isOld({ oldAt }: PooledConnection, now: number): boolean {
    return oldAt <= now;
  }

  /** Notes that the server answered a command. */
  answered(entry: PooledConnection): void {
    if (entry.hasAnswered) return;
    entry.hasAnswered = true;
    this.#backoff.answered();
  }

  /** Closes a connection that isn't running. It counts until it is closed. */
  discard(entry: PooledConnection, reason: CloseReason): void {
    if (entry.state === "closed") return;
    const { number: connection, kind, commands } = entry;
    entry.leaveIdle?.();
    entry.state = "closed";
    this.#all.delete(entry);
    this.#leaving++;
    if (reason === "lost" && !entry.hasAnswered) this.#backoff.fail(entry.openedAt);
    const { observer } = this.#options;
    observer.totals.closed++;
    if (observer.isHeard) {
      const age = this.#clock.now() - entry.openedAt;
      observer.tell({ type: "closed", connection, kind, reason, age, commands });
    }
    const gone = () => {
      this.#leaving--;
      if (!this.#closing.signal.aborted) this.#options.onRoom();
    };
    entry.connection.close().then(gone, gone);
  }

  /** Closes the connection that was idle longest, whatever its kind; returns whether there was one. */
  makeRoom(): boolean {
    let longest: PooledConnection | undefined;
    for (const kind of connectionKinds) {
      const { first } = this.#idle[kind];
      if (first !== undefined && !(longest && longest.idleSince <= first.idleSince)) {
        longest = first;
      }
    }
    if (longest === undefined) return false;
    this.discard(longest, "room");
    return true;
  }

  /**
   * Whether one may be opened now. After failures, one at a time is tried, after a while; `onRoom` is called
   * then.
   */
  mayOpen({ isSpare = false }: { readonly isSpare?: boolean } = {}): boolean {
    if (this.#backoff.failures > 0 && this.openingCount > 0) return false;
    const left = isSpare ? this.#backoff.leftForSpare : this.#backoff.left;
    if (left === 0) return true;
    this.#retryTimer ??= this.#clock.startTimer(Math.ceil(left), () => {
      this.#retryTimer = undefined;
      this.#options.onRoom();
    });
    return false;
  }

  /** Notes that all who waited got the last failure: whoever comes next may try at once. */
  forgive(): void {
    this.#backoff.forgive();
  }

  /** Opens a connection for a kind of commands. */
  open(kind: ConnectionKind): void {
    const entry = new PooledConnection(++this.#lastNumber, kind, this.#clock.now());
    this.#all.add(entry);
    this.#opening[kind]++;
    this.#options.open(this.#closing.signal).then(
      (connection) => this.#opened(entry, connection),
      (error) => this.#failed(entry, error),
    );
  }

  /** Opens the spare connections that are missing, where that many commands wait for a fresh one. */
  openSpares(waiting: number): void {
    const { spares } = this.#options;
    const wanted = spares ?? (waiting > 0 || this.#isSpareWanted() ? 1 : 0);
    while (this.#spares(waiting) < wanted && this.hasRoom && this.mayOpen({ isSpare: true })) {
      this.open("fresh");
    }
  }

  /** Closes all connections; resolves when they are closed. */
  async close(reason: unknown): Promise<void> {
    this.#closing.abort(reason);
    this.#retryTimer?.stop();
    this.#sweepAlarm.stop();
    await Promise.all([...this.#all].map(async (entry) => {
      if (entry.state === "opening") return;
      this.discard(entry, "client");
      await entry.connection.close();
    }));
  }

  #takeFrom(kind: ConnectionKind, now: number): PooledConnection | undefined {
    // The one that was used last, so that those that aren't needed become idle for long.
    for (let entry; (entry = this.#idle[kind].pop()) !== undefined;) {
      entry.leaveIdle = undefined;
      if (entry.connection.isOpen && !this.isOld(entry, now)) return entry;
      this.discard(entry, entry.connection.isOpen ? "old" : "lost");
    }
  }

  /** Whether commands that need a fresh connection come often. */
  #isSpareWanted(): boolean {
    return this.#spareUntil !== -Infinity && this.#clock.now() < this.#spareUntil;
  }

  /** How many unused connections there are, or will be, beyond those for which commands wait. */
  #spares(waiting: number): number {
    return this.#idle.fresh.size + Math.max(0, this.#opening.fresh - waiting);
  }

  #opened(entry: PooledConnection, connection: DoveadmConnection): void {
    entry.connection = connection;
    entry.state = "idle";
    const { kind, number, openedAt } = entry;
    this.#opening[kind]--;
    if (this.#closing.signal.aborted) {
      this.#all.delete(entry);
      void connection.close();
      return;
    }
    const { observer, random, maxLifetime } = this.#options;
    const now = entry.openedAt = this.#clock.now();
    entry.oldAt = now + maxLifetime * (1 - random() / 10);
    observer.totals.opened++;
    void connection.closed.then(() => {
      // Who runs a command on it gets the error.
      if (entry.state === "idle") this.discard(entry, "lost");
    });
    if (observer.isHeard) {
      const { minor } = connection;
      observer.tell({ type: "opened", connection: number, kind, minor, took: now - openedAt });
      // A listener may have closed the pool.
      if (this.#closing.signal.aborted) return;
    }
    this.#options.onOpen(entry);
  }

  #failed(entry: PooledConnection, error: unknown): void {
    const { kind, number: connection, openedAt } = entry;
    this.#opening[kind]--;
    this.#all.delete(entry);
    if (this.#closing.signal.aborted) return;
    this.#backoff.fail(openedAt);
    const { observer } = this.#options;
    observer.totals.openFailures++;
    if (observer.isHeard) {
      const took = this.#clock.now() - openedAt;
      const { failures, left: retryIn } = this.#backoff;
      observer.tell({ type: "open-failed", connection, kind, took, error, failures, retryIn });
    }
    this.#options.onFail(kind, error);
  }

  /** When an idle connection is to be closed. A spare that was asked for stays until it is old. */
  #endOf({ kind, oldAt, idleSince }: PooledConnection): number {
    const { spares = 0, idleTimeout } = this.#options;
    const isSpare = kind === "fresh" && this.#idle.fresh.size <= spares;
    return isSpare ? oldAt : Math.min(oldAt, idleSince + idleTimeout);
  }

  /** Closes the connections that are idle for too long, or too old. */
  #sweep(): void {
    const now = this.#clock.now();
    let next = Infinity;
    const ended: PooledConnection[] = [];
    for (const kind of connectionKinds) {
      for (const entry of this.#idle[kind]) {
        const end = this.#endOf(entry);
        if (end <= now) ended.push(entry);
        else next = Math.min(next, end);
      }
    }
    this.#sweepAlarm.callBy(next);
    for (const entry of ended) {
      if (entry.state === "idle") this.discard(entry, this.isOld(entry, now) ? "old" : "idle");
    }
  }
}
