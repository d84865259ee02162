/**
 * Asks a server again and again, and keeps what it answered.
 *
 * @module
 */

import { CommandError, ConnectError, ConnectionLostError, TimeoutError } from "@dovewire/dovewire";
import type { OpenServer } from "../servers/open_server.ts";
import type { ServerSnapshot } from "./render.ts";
import {
  askMailboxes,
  askProcesses,
  askQuota,
  askReplication,
  askSessions,
  queries,
  type QueryName,
} from "./snapshot.ts";

/** What is asked for. */
export interface CollectorOptions {
  /** The server's name, for the label. */
  readonly server: string;
  /** Opens a client; again after it has failed. */
  readonly open: () => Promise<OpenServer>;
  /** How many users' quota is exported; 0 for none. */
  readonly quotaUsers: number;
  /** The masks of the mailboxes whose sizes are exported. */
  readonly mailboxes: readonly string[];
  /** Whether the replicator is asked, too. */
  readonly hasReplication: boolean;
  /** How often mail is asked about, in milliseconds: quota and sizes cost a command for each user. */
  readonly mailInterval: number;
  /** How long a server that can't be reached is tried before it counts as down, in milliseconds. */
  readonly probeTimeout: number;
  /** Called with each error. */
  readonly onError: (error: unknown, query: QueryName) => void;
  /** Aborts the queries. */
  readonly signal: AbortSignal;
  /** The time in milliseconds. */
  readonly now?: () => number;
}

/** Knows the latest answers of a server. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #errors = new Map<QueryName, number>(queries.map((query) => [query, 0]));
  #open: OpenServer | undefined;
  #snapshot: ServerSnapshot;
  #mailAskedAt = -Infinity;

  /** Has asked for nothing yet. */
  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#snapshot = {
      ...{ server: options.server, isUp: false, errors: this.#errors },
      ...{ answeredAt: undefined, took: 0 },
    };
  }

  /** The latest answers. */
  get snapshot(): ServerSnapshot {
    return this.#snapshot;
  }

  /** Asks for all that is due, one query after the other. What fails is counted, and has no values. */
  async refresh(): Promise<void> {
    const { server, quotaUsers, mailboxes, hasReplication, mailInterval } = this.#options;
    const { probeTimeout: timeout } = this.#options;
    const { now = () => performance.now() } = this.#options;
    const startedAt = now();
    const state = { isUp: false };
    const sessions = await this.#query(
      "sessions",
      (client, options) => askSessions(client, { ...options, timeout }),
      state,
    );
    const processes = state.isUp ? await this.#query("processes", askProcesses, state) : undefined;
    const replication = state.isUp && hasReplication
      ? await this.#query("replication", askReplication, state)
      : undefined;
    let { quota, mailboxes: sizes } = this.#snapshot;
    if (state.isUp && startedAt - this.#mailAskedAt >= mailInterval) {
      this.#mailAskedAt = startedAt;
      quota = quotaUsers === 0
        ? undefined
        : await this.#query("quota", (client, options) =>
          askQuota(client, options, quotaUsers), state);
      sizes = mailboxes.length === 0 ? undefined : await this.#query(
        "mailboxes",
        (client, options) => askMailboxes(client, options, mailboxes),
        state,
      );
    }
    this.#snapshot = {
      ...{ server, isUp: state.isUp, sessions, processes, replication, errors: this.#errors },
      // What may be old is no answer of a server that is down.
      ...(state.isUp ? { quota, mailboxes: sizes } : {}),
      answeredAt: state.isUp ? Date.now() / 1000 : this.#snapshot.answeredAt,
      took: (now() - startedAt) / 1000,
    };
    if (!state.isUp) this.#mailAskedAt = -Infinity;
  }

  /** Closes the client. */
  async close(): Promise<void> {
    await this.#open?.close();
    this.#open = undefined;
  }

  /** A query's answer; `undefined` if it failed. */
  async #query<Answer>(
    query: QueryName,
    ask: (client: OpenServer["client"], options: { signal: AbortSignal }) => Promise<Answer>,
    state: { isUp: boolean },
  ): Promise<Answer | undefined> {
    const { open, onError, signal } = this.#options;
    let failed: QueryName = "connect";
    try {
      this.#open ??= await open();
      failed = query;
      const answer = await ask(this.#open.client, { signal });
      state.isUp = true;
      return answer;
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#errors.set(failed, this.#errors.get(failed)! + 1);
      onError(error, failed);
      // A server that refuses one command answers others: a policy may allow quota, but not "who".
      if (error instanceof CommandError) state.isUp = true;
      const isGone = error instanceof ConnectError || error instanceof TimeoutError ||
        error instanceof ConnectionLostError && !state.isUp;
      if (isGone) {
        state.isUp = false;
        await this.close();
      }
      return undefined;
    }
  }
}
