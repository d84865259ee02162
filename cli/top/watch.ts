/**
 * Asks a server for what `dovewire top` shows.
 *
 * @module
 */

import { CommandError, type DoveadmClient, type SendOptions } from "@dovewire/dovewire";
import { messageOf } from "@dovewire/dovewire/core";
import { askProcesses, askQuota, type QuotaUse } from "../exporter/snapshot.ts";
import type { OpenServer } from "../servers/open_server.ts";
import { type Counts, countsIn, type Rates, ratesBetween } from "./rates.ts";
import type { ServerState, SessionGroup } from "./screen.ts";

/** How often quota is asked for, in milliseconds: it costs a command for each user. */
const quotaInterval = 60_000;

/** How many users' quota is kept. */
const quotaUsers = 50;

/**
 * How long a server may take to tell its sessions, in milliseconds, if there is no other limit: that costs
 * little, and a server that can't be reached is tried until then.
 */
const usualProbe = 10_000;

/** Options for a {@linkcode Watch}. */
export interface WatchOptions {
  /** Aborts what is asked. */
  readonly signal: AbortSignal;
  /** The time limit of a command, in milliseconds, if there is one. */
  readonly timeout?: number;
}

/** Watches a server. */
export class Watch {
  readonly #open: () => Promise<OpenServer>;
  readonly #signal: AbortSignal;
  readonly #probeTimeout: number;
  #state: ServerState;
  #askedAt: number | undefined;
  #opened: OpenServer | undefined;
  #counts: Counts | undefined;
  #quota: readonly QuotaUse[] = [];
  #quotaAskedAt = -Infinity;

  /** Asks nothing yet; `open` opens a client, again after a failure. */
  constructor(
    server: string,
    open: () => Promise<OpenServer>,
    { signal, timeout = usualProbe }: WatchOptions,
  ) {
    this.#state = {
      ...{ server, sessions: [], processes: new Map(), processCount: 0 },
      ...{ quota: [], rates: undefined },
    };
    this.#open = open;
    this.#signal = signal;
    this.#probeTimeout = timeout;
  }

  /** What is known now. */
  get state(): ServerState {
    const silence = this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
    return { ...this.#state, silence };
  }

  /** Asks for everything; resolves to the new state. What went wrong is part of it. */
  async refresh(): Promise<ServerState> {
    this.#askedAt = performance.now();
    this.#state = await this.#ask();
    this.#askedAt = undefined;
    return this.#state;
  }

  /** Closes the client. */
  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
  }

  async #ask(): Promise<ServerState> {
    const { server } = this.#state;
    const empty = {
      ...{ server, sessions: [], processes: new Map(), processCount: 0 },
      ...{ quota: [], rates: undefined },
    };
    try {
      this.#opened ??= await this.#open();
      const { client } = this.#opened;
      const options = { signal: this.#signal };
      const missing: string[] = [];
      /** An answer, or something else if the server refuses the command. */
      const ask = async <Answer>(what: string, answer: Promise<Answer>, otherwise: Answer) => {
        try {
          return await answer;
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          missing.push(`${what}: ${error.message}`);
          return otherwise;
        }
      };
      const count = client.run("process status", {}, options).then(({ length }) => length);
      const [sessions, processes, processCount, rates, quota] = await Promise.all([
        ask("sessions", askSessionGroups(client, { ...options, timeout: this.#probeTimeout }), []),
        ask("processes", askProcesses(client, options), new Map()),
        ask("number of processes", count, 0),
        ask("commands and bytes", this.#askRates(client), undefined),
        ask("quota", this.#askQuota(client), []),
      ]);
      return { ...empty, sessions, processes, processCount, rates, quota, missing: missing.sort() };
    } catch (error) {
      await this.close();
      return { ...empty, problem: messageOf(error) };
    }
  }

  async #askRates(client: DoveadmClient): Promise<Rates | null | undefined> {
    const rows = await client.run("stats dump", { fields: "count sum" }, { signal: this.#signal });
    const counts = countsIn(rows, performance.now());
    const before = this.#counts;
    this.#counts = counts;
    if (counts === undefined) return undefined;
    return before === undefined ? null : ratesBetween(before, counts) ?? null;
  }

  async #askQuota(client: DoveadmClient): Promise<readonly QuotaUse[]> {
    if (performance.now() - this.#quotaAskedAt >= quotaInterval) {
      this.#quotaAskedAt = performance.now();
      this.#quota = (await askQuota(client, { signal: this.#signal }, quotaUsers)).worst;
    }
    return this.#quota;
  }
}

async function askSessionGroups(
  client: DoveadmClient,
  options: SendOptions,
): Promise<readonly SessionGroup[]> {
  const rows = await client.run("who", {}, options);
  return rows.map(({ username, service, connections, ips }) => ({
    ...{ user: username, service, sessions: connections, addresses: ips },
  }));
}
