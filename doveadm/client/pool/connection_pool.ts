/**
 * A pool of connections to one server: gives each command a connection that suits it.
 *
 * @module
 */

import { AbortError } from "../../../core/errors.ts";
import { Deadline, timeLimit } from "../../../transports/timers.ts";
import type { DoveadmConnection } from "../connection.ts";
import { promised } from "../promised.ts";
import type { SendOptions } from "../request.ts";
import type { Job } from "./job.ts";
import { notReadyError } from "./pool_errors.ts";
import type { PoolStats } from "./pool_stats.ts";
import type { PooledConnection } from "./pooled_connection.ts";
import { type Outcome, Scheduler, type SchedulerOptions } from "./scheduler.ts";
import type { Work } from "./work.ts";

/** Options for a {@linkcode ConnectionPool}. */
export type ConnectionPoolOptions = Omit<SchedulerOptions, "onConnect">;

/** What a ping sends: no server has such a command, so that each refuses it at once. */
const pingName = "dovewire ping";

const answered: Outcome = { type: "answered" };

/** A pool of connections to one server. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #scheduler: Scheduler;

  /** Creates a pool without connections. */
  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#scheduler = new Scheduler(options);
  }

  /**
   * Runs a command on a connection and returns what `resultOf` makes of its answer. `ask` is called again, with
   * another connection, if the command may be sent again. What either throws is how the command failed.
   */
  run<Answer, Result>(
    work: Work,
    ask: (connection: DoveadmConnection, options: SendOptions) => Promise<Answer>,
    resultOf: (answer: Answer, connection: DoveadmConnection) => Result,
  ): Promise<Result> {
    const scheduler = this.#scheduler;
    return new Promise((resolve, reject) => {
      const fail = (job: Job, entry: PooledConnection, error: unknown): void => {
        const isRepeatable = work.attendance === undefined;
        const isOver = scheduler.settle(job, entry, { type: "failed", error, isRepeatable });
        if (isOver) reject(job.error);
      };
      scheduler.call(work, {
        fail: reject,
        start(job, entry) {
          const { connection } = entry;
          promised(() => ask(connection, job.optionsAt(job.startedAt!))).then(
            (answer) => {
              let result: Result;
              try {
                result = resultOf(answer, connection);
              } catch (error) {
                return fail(job, entry, error);
              }
              scheduler.settle(job, entry, answered);
              resolve(result);
            },
            (error) => fail(job, entry, error),
          );
        },
      });
    });
  }

  /**
   * Runs a command on a connection and yields what it yields. Until something was yielded, `run` may be
   * called again as in {@linkcode ConnectionPool.run}. Leaving the loop early ends the connection.
   */
  async *stream<Item>(
    work: Work,
    run: (connection: DoveadmConnection, options: SendOptions) => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void, void> {
    const turns = new Turns();
    let turn = turns.next();
    const job = this.#scheduler.call(work, turns);
    for (let isOver = false; !isOver;) {
      const entry = await turn;
      turn = turns.next();
      let outcome: Outcome = { type: "left" };
      try {
        let isRepeatable = true;
        try {
          for await (const item of run(entry.connection, job.optionsAt(job.startedAt!))) {
            isRepeatable = false;
            yield item;
          }
          outcome = answered;
        } catch (error) {
          outcome = { type: "failed", error, isRepeatable };
        }
      } finally {
        isOver = this.#scheduler.settle(job, entry, outcome);
      }
    }
    if (job.error !== undefined) throw job.error;
  }

  /**
   * Resolves when a connection is open and the server has accepted the password. If that fails, it rejects
   * with the reason at once, and doesn't try again.
   */
  async ready({ signal, timeout = this.#options.timeout }: SendOptions = {}): Promise<void> {
    const { peer, clock } = this.#options;
    const limit = timeLimit("timeout", timeout);
    let stop = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const deadline = new Deadline({
          ...{ timeout: limit, signals: [signal], clock, onEnd: reject },
          errorOf: (aborted) =>
            aborted === undefined
              ? notReadyError(peer, timeout)
              : new AbortError(`Connecting to ${peer} was aborted.`, { cause: aborted.reason }),
        });
        if (deadline.error !== undefined) return;
        const forget = this.#scheduler.connect((error) =>
          error === undefined ? resolve() : reject(error)
        );
        stop = () => {
          deadline.stop();
          forget();
        };
      });
    } finally {
      stop();
    }
  }

  /** Resolves when the server has answered on any connection: it refuses a command that no server has. */
  async ping(options: SendOptions = {}): Promise<void> {
    const work: Work = {
      ...{ name: pingName, user: undefined, attendance: undefined },
      ...{ kindIn: () => "mail", isEasy: true, options: { ...options, idempotent: true } },
    };
    await this.run(work, (connection, rest) => connection.send({ name: pingName }, rest), () => {});
  }

  /** The connections and calls at this moment. */
  stats(): PoolStats {
    return this.#scheduler.stats();
  }

  /** Closes all connections. Pending and later commands get a `ConnectionLostError`. */
  close(): Promise<void> {
    return this.#scheduler.close();
  }
}

/** The owner of a stream's job, which may get a connection several times. */
class Turns {
  #start: (entry: PooledConnection) => void = () => {};
  #fail: (error: unknown) => void = () => {};

  /** Resolves with the next connection. */
  next(): Promise<PooledConnection> {
    return new Promise((resolve, reject) => {
      this.#start = resolve;
      this.#fail = reject;
    });
  }

  start(_job: unknown, entry: PooledConnection): void {
    this.#start(entry);
  }

  fail(error: unknown): void {
    this.#fail(error);
  }
}
