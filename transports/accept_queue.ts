/**
 * A queue of accepted clients, from a runtime that pushes them to a caller that asks for them.
 *
 * @module
 */

import { Queue } from "../core/queue.ts";

/** Clients that wait to be accepted, or calls that wait for a client. */
export class AcceptQueue<Client> {
  #clients = new Queue<Client>();
  /** For each client that waits, what removes it from the queue. */
  #removals = new Map<Client, () => boolean>();
  #takers = new Queue<(client: Client | undefined) => void>();
  #closed = false;
  #discard: (client: Client) => void;

  /** Creates an empty queue; `discard` closes a client that won't be accepted any more. */
  constructor(discard: (client: Client) => void) {
    this.#discard = discard;
  }

  /** Adds a client. */
  add(client: Client): void {
    if (this.#closed) {
      this.#discard(client);
      return;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) this.#removals.set(client, this.#clients.push(client));
    else taker(client);
  }

  /** Removes a client that disconnected before it was accepted. */
  forget(client: Client): void {
    this.#removals.get(client)?.();
    this.#removals.delete(client);
  }

  /** The next client, or `undefined` once the queue is closed. */
  take(): Promise<Client | undefined> {
    const client = this.#clients.shift();
    if (client !== undefined) {
      this.#removals.delete(client);
      return Promise.resolve(client);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => void this.#takers.push(resolve));
  }

  /** Discards the clients that wait, and returns `undefined` to the calls that wait. */
  close(): void {
    this.#closed = true;
    for (let client; (client = this.#clients.shift()) !== undefined;) this.#discard(client);
    this.#removals.clear();
    for (let taker; (taker = this.#takers.shift()) !== undefined;) taker(undefined);
  }
}
