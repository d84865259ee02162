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
        ask("sessions", askSessionGroups(client, options.signal), []),
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

  /** Closes the client. */
  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
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
  signal: AbortSignal,
): Promise<readonly SessionGroup[]> {
  const rows = await client.run("who", {}, { signal });
  return rows.map(({ username, service, connections, ips }) => ({
    ...{ user: username, service, sessions: connections, addresses: ips },
  }));
}
