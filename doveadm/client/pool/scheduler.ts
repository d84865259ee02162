/**
 * Decides which call gets which connection, and when.
 *
 * @module
 */

import {
  AbortError,
  AuthenticationError,
  type ConnectionLostError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../core/errors.ts";
import {
  type ConnectionKind,
  connectionKinds,
  type DovecotVersion,
  findCommand,
} from "../../../core/doveadm/catalogue/mod.ts";
import { Queue } from "../../../core/queue.ts";
import {
  abortError,
  type Clock,
  Deadline,
  systemClock,
  timeLimit,
} from "../../../transports/timers.ts";
import { CommandError } from "../command_error.ts";
import type { DoveadmConnection } from "../connection.ts";
import { AttendedLimit } from "./attended_limit.ts";
import { Connections } from "./connections.ts";
import { demand, type Division, heir, neediest } from "./fairness.ts";
import { Job, type JobOwner } from "./job.ts";
import { type BareEvent, Observer } from "./observer.ts";
import { asSent, poolClosedError, queueFullError, unsentError } from "./pool_errors.ts";
import type { CloseReason, RetryReason } from "./pool_event.ts";
import type { CheckedPoolOptions } from "./pool_options.ts";
import type { PoolCounts, PoolStats } from "./pool_stats.ts";
import type { PooledConnection } from "./pooled_connection.ts";
import { ReadyQueues } from "./ready_queues.ts";
import { isLasting, isUnfinished, retryReason } from "./retry.ts";
import { UserOrder } from "./user_order.ts";
import type { Work } from "./work.ts";

/**
 * After how many handshakes that end or take too long, and none that is finished, there is probably no doveadm
 * server, or one that expects TLS.
 */
const mostUnfinished = 5;

/** Options for a {@linkcode Scheduler}. */
export interface SchedulerOptions extends CheckedPoolOptions {
  /** Opens a connection; rejects with the signal's reason if that aborts. */
  readonly open: (signal: AbortSignal) => Promise<DoveadmConnection>;
  /** The default time limit of a command, in milliseconds. */
  readonly timeout: number;
  /** The server, for messages. */
  readonly peer: string;
  /** Whether connections have a password to log in with. */
  readonly hasPassword: boolean;
  /**
   * Whether calls that wait are rejected at once if no connection can be opened, since there are other
   * servers; `false` if left out.
   */
  readonly failsFast?: boolean;
  /** The clock; the runtime's own if left out. */
  readonly clock?: Clock;
  /** Returns a number from 0 to less than 1; `Math.random` if left out. */
  readonly random?: () => number;
}

/** How an attempt to run a command ended; "left" is a stream that its caller left early. */
export type Outcome =
  | { readonly type: "answered" | "left" }
  | {
    readonly type: "failed";
    readonly error: unknown;
    /** Whether its input can be sent once more, and its caller got nothing of the answer. */
    readonly isRepeatable: boolean;
  };

/**
 * Decides which call gets which connection, and when.
 *
 * A call passes three places: its user's order ({@linkcode UserOrder}), the limit of those that wait for
 * their caller ({@linkcode AttendedLimit}), and the queue of its kind ({@linkcode ReadyQueues}), where it
 * gets a connection.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #connections: Connections;
  readonly #order = new UserOrder<Job>();
  readonly #attended: AttendedLimit;
  readonly #ready = new ReadyQueues();
  readonly #division: Division;
  /** All calls that wait, wherever. */
  readonly #waiting = new Set<Job>();
  readonly #queued: Record<ConnectionKind, number> = { mail: 0, plain: 0, fresh: 0 };
  /** Who waits for a connection to be opened. */
  readonly #connecting = new Queue<(error?: unknown) => void>();
  /** The server's version, as the last connection had it. */
  #version: DovecotVersion | undefined;
  /** Whether it takes several mail commands a connection, as far as that is known. */
  #takesMany: boolean | undefined;
  /** Why the last connection could not be opened, if none was opened since. */
  #openError: Error | undefined;
  /** How many connections in a row broke the protocol before they had answered anything. */
  #broken = 0;
  /** How many handshakes weren't finished, before the first one was. */
  #unfinished = 0;
  /** The error for calls, once the pool is closed. */
  #closed: ConnectionLostError | undefined;

  /** Creates a scheduler without connections. */
  constructor(options: SchedulerOptions) {
    const { maxConnections, peer, onEvent, random = Math.random } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#observer = new Observer(peer, onEvent);
    this.#attended = new AttendedLimit(maxConnections);
    this.#connections = new Connections({
      ...options,
      ...{ clock: this.#clock, random, observer: this.#observer },
      onOpen: (entry) => this.#onOpen(entry),
      onFail: (kind, error) => this.#onFail(kind, error),
      onRoom: () => this.#dispatch(),
    });
    this.#division = { ready: this.#ready, connections: this.#connections, maxConnections };
  }

  /** Makes a call, which starts at once if it can. Throws a `LocalProtocolError` for an invalid option. */
  call(work: Work, owner: JobOwner): Job {
    const { signal, timeout = this.#options.timeout } = work.options;
    const limit = timeLimit("timeout", timeout);
    const kind = this.#kindOf(work, this.#version);
    const job = new Job(work, owner, { kind, calledAt: this.#clock.now(), timeout: limit });
    job.number = ++this.#observer.totals.calls;
    if (this.#observer.isHeard) this.#tell(job, { type: "queued", waiting: this.#waiting.size });
    if (this.#closed !== undefined || signal?.aborted) {
      this.#fail(job, this.#closed ?? abortError(work.name, signal, false));
      return job;
    }
    if (this.#order.enter(job) && this.#attended.enter(job)) {
      const entry = this.#takeNow(job);
      if (entry !== undefined) {
        this.#start(job, entry, job.calledAt);
        this.#dispatch();
        return job;
      }
      this.#ready.push(job);
    }
    this.#wait(job);
    this.#dispatch();
    if (!this.#waiting.has(job)) return job;
    const { peer, maxQueue } = this.#options;
    if (this.#waiting.size <= maxQueue) this.#startDeadline(job);
    else this.#reject(job, queueFullError(work.name, peer, maxQueue));
    return job;
  }

  /** Ends an attempt to run a command; returns whether the call is over, and not tried again. */
  settle(job: Job, entry: PooledConnection, outcome: Outcome): boolean {
    this.#connections.ran(entry);
    const error = outcome.type === "failed" ? outcome.error : undefined;
    const isBroken = error instanceof RemoteProtocolError && !error.sent && !entry.hasAnswered;
    const isHopeless = isBroken && ++this.#broken > 1;
    const reason = outcome.type === "failed" && !isHopeless
      ? this.#retryReason(job, entry, outcome)
      : undefined;
    if (outcome.type === "answered" || error instanceof CommandError) {
      this.#connections.answered(entry);
      this.#broken = 0;
      if (reason !== "refused" && entry.mailCommands > 1) this.#takesMany = true;
    }
    if (reason === undefined) {
      this.#leave(job);
      this.#end(job, error);
      this.#release(entry, outcome);
      if (isHopeless) this.#rejectUnserved(job.kind, error);
      this.#dispatch();
      return true;
    }
    this.#retry(job, error, reason);
    this.#release(entry, outcome);
    this.#dispatch();
    if (!this.#waiting.has(job)) return false;
    // A listener may have closed the pool before the call waited again.
    if (this.#closed !== undefined) this.#reject(job, this.#closed);
    else this.#startDeadline(job);
    return false;
  }

  /**
   * Opens a connection, unless one is open or being opened already, and calls back once, when one is open or
   * with the error. Returns a function that prevents the call.
   */
  connect(callback: (error?: unknown) => void): () => void {
    if (this.#closed !== undefined || this.#connections.openCount > 0) {
      callback(this.#closed);
      return () => {};
    }
    const forget = this.#connecting.push(callback);
    if (this.#connections.openingCount === 0) this.#connections.open("fresh");
    return forget;
  }

  /** The connections and calls at this moment. */
  stats(): PoolStats {
    const counts = this.#connections.counts();
    const queued = this.#queued;
    const kinds = {
      mail: { ...counts.mail, queued: queued.mail },
      plain: { ...counts.plain, queued: queued.plain },
      fresh: { ...counts.fresh, queued: queued.fresh },
    };
    const sum = (name: keyof PoolCounts) =>
      connectionKinds.reduce((sum, kind) => sum + kinds[kind][name], 0);
    return {
      ...{ open: sum("open"), idle: sum("idle"), running: sum("running") },
      ...{ opening: sum("opening"), queued: sum("queued") },
      ...{ kinds, totals: { ...this.#observer.totals } },
    };
  }

  /** Closes all connections. Pending and later calls get a `ConnectionLostError`. */
  async close(): Promise<void> {
    const error = this.#closed ??= poolClosedError(this.#options.peer);
    this.#rejectAll(error);
    this.#tellConnecting(error);
    await this.#connections.close(error);
  }

  /** The kind of connection for a command; if the version isn't known, one that is right in all. */
  #kindOf(work: Work, version: DovecotVersion | undefined): ConnectionKind {
    if (version === undefined) {
      const kind = this.#kindOf(work, "2.3");
      return kind === this.#kindOf(work, "2.4") ? kind : "fresh";
    }
    const kind = work.kindIn(version);
    if (kind !== "mail" || work.isEasy) return kind;
    // An input in pieces can't be sent again if the server turns out to take one mail command a connection.
    const isRisky = this.#takesMany === undefined && version === "2.3" &&
      work.attendance === "input";
    return this.#takesMany === false || isRisky ? "fresh" : "mail";
  }

  /** Adds a call to those that wait. */
  #wait(job: Job): void {
    this.#waiting.add(job);
    this.#queued[job.kind]++;
  }

  #endWait(job: Job): void {
    if (!this.#waiting.delete(job)) return;
    this.#queued[job.kind]--;
    job.deadline?.stop();
    job.deadline = undefined;
  }

  /** Starts the time of a call that has to wait. */
  #startDeadline(job: Job): void {
    const { name, options: { signal } } = job.work;
    if (job.endsAt === Infinity && signal === undefined) return;
    job.deadline = new Deadline({
      timeout: job.leftAt(this.#clock.now()),
      signals: [signal],
      errorOf: (aborted) =>
        aborted === undefined ? this.#waitedTooLong(job) : abortError(name, aborted, false),
      onEnd: (error) => {
        this.#reject(job, error);
        this.#dispatch();
      },
      clock: this.#clock,
    });
  }

  /** The error for a call that waited until its time was over. */
  #waitedTooLong({ work: { name, options } }: Job): Error {
    const { timeout = this.#options.timeout } = options;
    const isDown = this.#openError !== undefined && this.#connections.openCount === 0;
    return isDown ? this.#openError! : unsentError(name, timeout, this.#openError);
  }

  /** Lets a call go on whose turn among its user's has come. */
  #pass(job: Job): void {
    if (this.#attended.enter(job)) this.#ready.push(job);
  }

  /** Lets the calls go on that waited for one which is over. */
  #leave(job: Job): void {
    for (const next of this.#order.leave(job)) this.#pass(next);
    const next = this.#attended.leave(job);
    if (next !== undefined) this.#ready.push(next);
  }

  /** Ends a call that waits. */
  #reject(job: Job, error: unknown): void {
    job.leaveQueue?.();
    this.#endWait(job);
    this.#leave(job);
    this.#fail(job, error);
  }

  #rejectAll(error: unknown): void {
    for (const job of [...this.#waiting]) this.#reject(job, error);
  }

  /** Rejects the calls for which only a connection would do that can't be had. */
  #rejectUnserved(kind: ConnectionKind, error: unknown): boolean {
    if (this.#connections.openCount === 0) {
      this.#rejectAll(error);
      return true;
    }
    if (kind !== "fresh" && this.#connections.openOf(kind) > 0) return false;
    for (let job; (job = this.#ready.first(kind)) !== undefined;) this.#reject(job, error);
    return true;
  }

  #fail(job: Job, error: unknown): void {
    this.#end(job, error);
    job.owner.fail(job.error);
  }

  #end(job: Job, error: unknown): void {
    job.error = job.wasSent ? asSent(error) : error;
    if (error === undefined) this.#observer.totals.succeeded++;
    else this.#observer.totals.failed++;
    if (!this.#observer.isHeard) return;
    const now = this.#clock.now();
    const { connection, startedAt = now, calledAt } = job;
    const [waited, ran] = [startedAt - calledAt, now - startedAt];
    this.#tell(job, { type: "ended", connection, waited, ran, error: job.error });
  }

  /** Gives connections to the calls that wait, and opens more if they are needed. */
  #dispatch(): void {
    if (this.#closed !== undefined) return;
    const connections = this.#connections;
    if (this.#ready.size === 0) return connections.openSpares(0);
    const now = this.#clock.now();
    for (let kind; (kind = this.#ready.longestAwaited((it) => connections.mayHave(it)));) {
      const entry = connections.take(kind, now);
      if (entry !== undefined) this.#start(this.#ready.shift(kind)!, entry, now);
    }
    for (let kind; (kind = neediest(this.#division)) !== undefined;) {
      if (!connections.mayOpen()) return;
      if (connections.hasRoom) connections.open(kind);
      else if (demand(this.#division) <= connections.leavingCount || !connections.makeRoom()) {
        return;
      }
    }
    connections.openSpares(this.#ready.sizeOf("fresh"));
  }

  /** An idle connection for a new call, unless others have waited longer for one. */
  #takeNow({ kind, work, calledAt }: Job): PooledConnection | undefined {
    if (work.isEasy) return this.#connections.takeAny(calledAt);
    return this.#ready.sizeOf(kind) > 0 ? undefined : this.#connections.take(kind, calledAt);
  }

  /** Gives a connection to a call. */
  #start(job: Job, entry: PooledConnection, now: number): void {
    const { work } = job;
    const kind = work.isEasy && entry.commands > 0
      ? entry.kind
      : work.isEasy
      ? "plain"
      : this.#kindOf(work, entry.version);
    if (!entry.suits(kind)) {
      // The server's version is another than the last one's, or it takes one mail command a connection.
      this.#endWait(job);
      job.kind = "fresh";
      this.#wait(job);
      this.#ready.push(job);
      this.#startDeadline(job);
      this.#connections.keep(entry, now);
      return;
    }
    this.#endWait(job);
    job.kind = kind;
    job.attempts++;
    job.connection = entry.number;
    job.startedAt = now;
    this.#connections.run(entry, kind);
    entry.commands++;
    if (findCommand(work.name)?.mail) entry.mailCommands++;
    if (this.#observer.isHeard) {
      const waited = now - job.calledAt;
      this.#tell(job, { type: "started", connection: entry.number, waited });
    }
    job.owner.start(job, entry);
  }

  /** Takes a connection back whose command is over. */
  #release(entry: PooledConnection, outcome: Outcome): void {
    const connections = this.#connections;
    if (entry.state === "closed") return;
    if (!entry.connection.isOpen) return connections.discard(entry, closeReason(outcome));
    const isUsedUp = entry.kind === "fresh" ||
      entry.kind === "mail" && this.#takesMany === false;
    if (isUsedUp) return connections.discard(entry, "used");
    const now = this.#clock.now();
    if (connections.isOld(entry, now)) return connections.discard(entry, "old");
    const next = heir(this.#division, entry.kind);
    if (next === undefined) return connections.keep(entry, now);
    if (next !== "mail" || entry.kind !== "plain") return connections.discard(entry, "room");
    entry.kind = "mail";
    connections.keep(entry, now);
  }

  #retryReason(
    { attempts, work, endsAt }: Job,
    { mailCommands }: PooledConnection,
    { error, isRepeatable }: Outcome & { readonly type: "failed" },
  ): RetryReason | undefined {
    if (this.#closed !== undefined || endsAt <= this.#clock.now()) return undefined;
    const isIdempotent = work.options.idempotent === true;
    return retryReason(error, { attempts, isRepeatable, isIdempotent, mailCommands });
  }

  /** Lets a call wait once more. It keeps its place in its user's order. */
  #retry(job: Job, error: unknown, reason: RetryReason): void {
    if (reason === "idempotent") job.wasSent = true;
    if (reason === "refused" && this.#takesMany !== false) {
      this.#takesMany = false;
      if (this.#observer.isHeard) this.#observer.tell({ type: "one-mail-command" });
    }
    this.#observer.totals.retried++;
    job.kind = this.#kindOf(job.work, this.#version);
    if (this.#observer.isHeard) {
      this.#tell(job, { type: "retried", attempts: job.attempts, reason, error });
    }
    this.#wait(job);
    this.#ready.push(job);
  }

  #onOpen(entry: PooledConnection): void {
    this.#version = entry.version;
    this.#openError = undefined;
    const job = this.#ready.shift(entry.kind);
    const now = this.#clock.now();
    if (job === undefined) this.#connections.keep(entry, now);
    else this.#start(job, entry, now);
    this.#tellConnecting();
    this.#dispatch();
  }

  #onFail(kind: ConnectionKind, error: unknown): void {
    if (error instanceof Error) this.#openError = error;
    const { hasPassword, failsFast } = this.#options;
    const isFirst = this.#observer.totals.opened === 0;
    const isBroken = error instanceof RemoteProtocolError && ++this.#broken > 1;
    const isNoServer = isFirst && isUnfinished(error) && ++this.#unfinished >= mostUnfinished;
    // A server that refuses the password can be reached.
    const isUnreached = failsFast === true && !(error instanceof AuthenticationError);
    if (isUnreached || isBroken || isNoServer || isLasting(error, { isFirst, hasPassword })) {
      if (this.#rejectUnserved(kind, error)) this.#connections.forgive();
    }
    this.#tellConnecting(error);
    this.#dispatch();
  }

  #tellConnecting(error?: unknown): void {
    for (let tell; (tell = this.#connecting.shift()) !== undefined;) tell(error);
  }

  /** Tells an event of a call. */
  #tell(job: Job, more: CallEventRest): void {
    const { number: call, kind, work: { name: command, user } } = job;
    this.#observer.tell({ call, command, user, kind, ...more } as BareEvent);
  }
}

/** What an event of a call has besides the call. */
type CallEventRest = BareEvent extends infer Event
  ? Event extends { readonly call: number } ? Omit<Event, "call" | "command" | "user" | "kind">
  : never
  : never;

/** Why a connection ended with its command. */
function closeReason(outcome: Outcome): CloseReason {
  if (outcome.type === "left") return "aborted";
  const error = outcome.type === "failed" ? outcome.error : undefined;
  if (error instanceof AbortError || error instanceof TimeoutError) return "aborted";
  // The client closes a connection whose server has refused an input: it would read that as commands.
  return error instanceof CommandError ? "used" : "lost";
}
