/**
 * Asks a server for what `dovewire top` shows.
 *
 * @module
 */

import { CommandError, type DoveadmClient } from "@dovewire/dovewire";
import { messageOf } from "@dovewire/dovewire/core";
import { askProcesses, askQuota, type QuotaUse } from "../exporter/snapshot.ts";
import type { OpenServer } from "../servers/open_server.ts";
import { type Counts, countsIn, type Rates, ratesBetween } from "./rates.ts";
import type { ServerState, SessionGroup } from "./screen.ts";

/** How often quota is asked for, in milliseconds: it costs a command for each user. */
const quotaInterval = 60_000;

/** How many users' quota is kept. */
const quotaUsers = 50;

/** Watches a server. */
export class Watch {
  readonly #server: string;
  readonly #open: () => Promise<OpenServer>;
  readonly #signal: AbortSignal;
  #opened: OpenServer | undefined;
  #counts: Counts | undefined;
  #quota: readonly QuotaUse[] = [];
  #quotaAskedAt = -Infinity;

  /** Asks nothing yet; `open` opens a client, again after a failure. */
  constructor(server: string, open: () => Promise<OpenServer>, signal: AbortSignal) {
    this.#server = server;
    this.#open = open;
    this.#signal = signal;
  }

  /** Asks for everything; what went wrong is part of the result. */
  async refresh(): Promise<ServerState> {
    const empty = {
      ...{ server: this.#server, sessions: [], processes: new Map(), processCount: 0 },
      ...{ quota: [], rates: undefined },
    };
    try {
      this.#opened ??= await this.#open();
      const { client } = this.#opened;
      const options = { signal: this.#signal };
      const [sessions, processes, processCount, rates] = await Promise.all([
        askSessionGroups(client, options.signal),
        askProcesses(client, options),
        client.run("process status", {}, options).then(({ length }) => length),
        this.#askRates(client),
      ]);
      await this.#askQuota(client);
      return { ...empty, sessions, processes, processCount, rates, quota: this.#quota };
    } catch (error) {
      await this.close();
      return { ...empty, problem: messageOf(error) };
    }
  }

  /** Closes the client. */
  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
  }

  async #askRates(client: DoveadmClient): Promise<Rates | null | undefined> {
    let rows;
    try {
      rows = await client.run("stats dump", { fields: "count sum" }, { signal: this.#signal });
    } catch (error) {
      // A server may permit other commands alone, or have no process for statistics.
      if (error instanceof CommandError) return undefined;
      throw error;
    }
    const counts = countsIn(rows, performance.now());
    const before = this.#counts;
    this.#counts = counts;
    if (counts === undefined) return undefined;
    return before === undefined ? null : ratesBetween(before, counts) ?? null;
  }

  async #askQuota(client: DoveadmClient): Promise<void> {
    if (performance.now() - this.#quotaAskedAt < quotaInterval) return;
    this.#quotaAskedAt = performance.now();
    try {
      const { worst } = await askQuota(client, { signal: this.#signal }, quotaUsers);
      this.#quota = worst;
    } catch (error) {
      // A server without quota.
      if (!(error instanceof CommandError)) throw error;
      this.#quota = [];
    }
  }
}

async function askSessionGroups(
  client: DoveadmClient,
  signal: AbortSignal,
): Promise<readonly SessionGroup[]> {
  const rows = await client.run("who", {}, { signal });
  return rows.map(({ username, service, connections, ips }) => ({
    ...{ user: username, service, sessions: connections, addresses: ips },
  }));
}
