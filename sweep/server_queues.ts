/**
 * Lets each server have so many users at once.
 *
 * @module
 */

import { Queue } from "../core/queue.ts";

/** A user whose turn it is, or will be. */
export interface SweepEntry {
  readonly index: number;
  readonly user: string;
  /** Its server; "" where all are one. */
  readonly server: string;
  /** Why there is nothing to do for it but a failure. */
  readonly failure?: Error;
}

/** A server's users. */
interface ServerUsers {
  running: number;
  readonly waiting: Queue<SweepEntry>;
}

/** Gives each server so many users at once, and keeps those who have to wait. */
export class ServerQueues {
  readonly #perServer: number;
  /** The servers that have users now. */
  readonly #servers = new Map<string, ServerUsers>();
  /** Users that waited, and whose server has room for them now. */
  readonly #ready = new Queue<SweepEntry>();
  #waiting = 0;

  /** Has no users yet. */
  constructor(perServer: number) {
    this.#perServer = perServer;
  }

  /** How many users wait for their server. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds a user; it is next, or waits. */
  add(entry: SweepEntry): void {
    let server = this.#servers.get(entry.server);
    if (server === undefined) {
      server = { running: 0, waiting: new Queue() };
      this.#servers.set(entry.server, server);
    }
    if (server.running < this.#perServer) {
      server.running++;
      this.#ready.push(entry);
    } else {
      server.waiting.push(entry);
      this.#waiting++;
    }
  }

  /** The next user whose server has room; that room is its own until {@linkcode leave}. */
  take(): SweepEntry | undefined {
    return this.#ready.shift();
  }

  /** The work for a user has ended. */
  leave({ server: name }: SweepEntry): void {
    const server = this.#servers.get(name)!;
    const next = server.waiting.shift();
    if (next !== undefined) {
      this.#waiting--;
      this.#ready.push(next);
    } else if (--server.running === 0) this.#servers.delete(name);
  }
}
