/**
 * The connections of a client: assigns commands to them and limits their number.
 *
 * @module
 */

import {
  ConnectionLostError,
  type DovewireError,
  RemoteProtocolError,
  TimeoutError,
} from "../../core/errors.ts";
import { Queue } from "../../core/queue.ts";
import {
  abortError,
  Deadline,
  onAbort,
  startTimer,
  timeLimit,
  type Timer,
} from "../../transports/timers.ts";
import type { DoveadmConnection } from "./connection.ts";
import type { SendOptions } from "./request.ts";

/** Options for a {@linkcode ConnectionPool}; times are in milliseconds, `Infinity` for no limit. */
export interface ConnectionPoolOptions {
  /** Opens a connection; rejects with the signal's reason if that aborts. */
  readonly open: (signal: AbortSignal) => Promise<DoveadmConnection>;
  /** How many connections may be open at once. */
  readonly maxConnections: number;
  /** The default time limit of a command. */
  readonly timeout: number;
  /** How long the idle shared connection is kept open. */
  readonly idleTimeout: number;
  /** The other end, for messages. */
  readonly peer: string;
}

/** A command and its demands on a connection. */
export interface Work<Result> {
  /** The command's name. */
  readonly name: string;
  /** Whether it can share a connection with others, one after the other. */
  readonly isShared: boolean;
  /** The caller's signal and time limit, counted from the call. */
  readonly options: SendOptions;
  /**
   * Runs the command on a connection; the options have the remaining time. Called again with another
   * connection if nothing was sent on the first.
   */
  readonly run: (connection: DoveadmConnection, options: SendOptions) => Promise<Result>;
}

/** A command that waits for the shared connection. */
interface Job {
  readonly name: string;
  readonly options: SendOptions;
  /** Resolves with the command's result; rejects with its error. */
  readonly run: (connection: DoveadmConnection, options: SendOptions) => Promise<void>;
  readonly reject: (error: unknown) => void;
  /** The deadline for waiting; `undefined` before it starts. */
  deadline: Deadline | undefined;
  /** Removes it from the queue; returns whether it was still there. */
  leave: () => boolean;
}

/**
 * Assigns commands to connections: those that can share one take turns on it, in the order of the calls;
 * each other command gets its own. Connections are opened when they are needed.
 */
export class ConnectionPool {
  #options: ConnectionPoolOptions;
  #jobs = new Queue<Job>();
  #isWorking = false;
  #shared: DoveadmConnection | undefined;
  /** Whether the shared connection has answered anything. */
  #isProven = false;
  /** Whether the previous connection failed before it had answered anything. */
  #hasFailed = false;
  #idleTimer: Timer | undefined;
  #connections = new Set<DoveadmConnection>();
  #freeSlots: number;
  #waitingForSlot = new Queue<() => void>();
  /** Aborts when the client is closed; the reason is the error for commands. */
  #closing = new AbortController();

  /** Creates a pool without connections. */
  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#freeSlots = Math.floor(options.maxConnections);
  }

  /** Runs a command on a connection and returns its result. */
  async use<Result>(work: Work<Result>): Promise<Result> {
    if (work.isShared) return await this.#enqueue(work);
    const { name, options, run } = work;
    const { connection, left } = await this.#openFor(name, options);
    try {
      return await run(connection, { ...options, timeout: left });
    } finally {
      await this.release(connection);
    }
  }

  /** Opens a connection for one command alone, which has to {@linkcode release} it. */
  async open(name: string, options: SendOptions): Promise<DoveadmConnection> {
    const { connection } = await this.#openFor(name, options);
    return connection;
  }

  /** Closes a connection, which makes room for another. */
  async release(connection: DoveadmConnection): Promise<void> {
    if (this.#connections.delete(connection)) this.#freeSlot();
    await connection.close();
  }

  /** Closes all connections. Pending and later commands get a `ConnectionLostError`. */
  async close(): Promise<void> {
    this.#closing.abort(
      new ConnectionLostError(`The client of ${this.#options.peer} was closed.`),
    );
    this.#idleTimer?.stop();
    await Promise.all([...this.#connections].map((connection) => this.release(connection)));
  }

  /** How long a command may wait for a connection, by its time limit and its signals. */
  #deadline(name: string, options: SendOptions, onEnd?: (error: Error) => void): Deadline {
    const { signal, timeout = this.#options.timeout } = options;
    const closing = this.#closing.signal;
    return new Deadline({
      timeout: timeLimit("timeout", timeout),
      signals: [closing, signal],
      errorOf: (aborted) =>
        aborted === undefined
          ? unsentError(name, timeout)
          : aborted === closing
          ? closing.reason
          : abortError(name, aborted, false),
      onEnd,
    });
  }

  async #openFor(name: string, options: SendOptions) {
    const deadline = this.#deadline(name, options);
    try {
      const connection = await this.#open(deadline.signal);
      return { connection, left: deadline.left };
    } finally {
      deadline.stop();
    }
  }

  /** Queues a command for the shared connection. */
  #enqueue<Result>({ name, options, run }: Work<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const job: Job = {
        name,
        options,
        run: async (connection, options) => resolve(await run(connection, options)),
        reject,
        leave: () => true,
        deadline: undefined,
      };
      if (!this.#wait(job, options)) return;
      job.leave = this.#jobs.push(job);
      void this.#work();
    });
  }

  /** Starts the deadline for waiting; returns whether it has not ended already. */
  #wait(job: Job, options: SendOptions): boolean {
    const deadline = this.#deadline(job.name, options, (error) => {
      if (job.leave()) job.reject(error);
    });
    job.deadline = deadline;
    return deadline.error === undefined;
  }

  /** Runs the queued commands on the shared connection, one after the other. */
  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#idleTimer?.stop();
    for (let job; (job = this.#jobs.first) !== undefined;) {
      const connection = await this.#sharedConnection();
      // The first in the queue may have stopped waiting while the connection was opened.
      if (connection === undefined || this.#jobs.first !== job) continue;
      await this.#runJob(job, connection);
      if (!connection.isOpen || this.#waitingForSlot.size > 0) await this.#dropShared();
    }
    this.#isWorking = false;
    if (this.#waitingForSlot.size > 0) await this.#dropShared();
    else this.#startIdling();
  }

  /** Runs the next command of the queue. */
  async #runJob(job: Job, connection: DoveadmConnection): Promise<void> {
    const { left } = job.deadline!;
    job.deadline!.stop();
    const options = { ...job.options, timeout: left };
    try {
      await job.run(connection, options);
    } catch (error) {
      if (isUnsent(error) && !this.#closing.signal.aborted) {
        // The connection ended before this command was sent. If it had worked before, another command may
        // be the cause, so that a new connection may help; if it was new, the next would end the same way.
        if (this.#isProven) this.#wait(job, options);
        else this.#fail(error);
        return;
      }
      job.reject(error);
    }
    job.leave();
    this.#isProven = true;
    this.#hasFailed = false;
  }

  /**
   * The shared connection, opened if necessary; `undefined` if that failed and the commands got the error.
   */
  async #sharedConnection(): Promise<DoveadmConnection | undefined> {
    if (this.#shared?.isOpen) return this.#shared;
    await this.#dropShared();
    this.#isProven = false;
    try {
      return this.#shared = await this.#open(this.#closing.signal);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Reports a connection that failed before it had answered anything. A first such failure may be an
   * accident, and fails one command. A failure to connect, or a second one in a row, fails all queued
   * commands, which would otherwise wait for nothing.
   */
  #fail(error: unknown): void {
    const isAccident = isUnsent(error) && !this.#hasFailed;
    this.#hasFailed = isAccident;
    for (let job; (job = this.#jobs.shift()) !== undefined;) {
      job.deadline?.stop();
      job.reject(error);
      if (isAccident) return;
    }
  }

  async #dropShared(): Promise<void> {
    const shared = this.#shared;
    this.#shared = undefined;
    if (shared !== undefined) await this.release(shared);
  }

  #startIdling(): void {
    if (this.#shared === undefined || this.#closing.signal.aborted) return;
    this.#idleTimer = startTimer(this.#options.idleTimeout, () => {
      if (!this.#isWorking) void this.#dropShared();
    });
  }

  /** Opens a connection as soon as the limit allows it; throws the signal's reason if it aborts. */
  async #open(signal: AbortSignal): Promise<DoveadmConnection> {
    await this.#takeSlot(signal);
    try {
      const connection = await this.#options.open(signal);
      if (signal.aborted) await connection.close();
      signal.throwIfAborted();
      this.#connections.add(connection);
      return connection;
    } catch (error) {
      this.#freeSlot();
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** Waits until the limit allows one more connection. */
  async #takeSlot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#freeSlots === 0 && !this.#isWorking) await this.#dropShared();
    if (this.#freeSlots > 0) {
      this.#freeSlots--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = this.#waitingForSlot.push(() => {
        forget();
        resolve();
      });
      const forget = onAbort(signal, () => {
        leave();
        reject(signal.reason);
      });
    });
  }

  #freeSlot(): void {
    const next = this.#waitingForSlot.shift();
    if (next === undefined) this.#freeSlots++;
    else next();
  }
}

/** Whether the server ended a connection before a command was sent. */
function isUnsent(error: unknown): boolean {
  return (error instanceof RemoteProtocolError || error instanceof ConnectionLostError) &&
    !error.sent;
}

/** The error for a command that waited too long for a connection. */
function unsentError(name: string, timeout: number): DovewireError {
  return new TimeoutError(
    "command",
    `"${name}" was not sent within ${timeout} ms: it waited for a connection, or for the ` +
      'commands before it. If that may take longer, raise "timeout".',
  );
}
