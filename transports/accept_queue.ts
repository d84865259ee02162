/**
 * Clients on their way from a runtime that hands them over to a caller who asks for them.
 *
 * @module
 */

/** Clients that wait to be taken, or takers that wait for a client. */
export class AcceptQueue<Client> {
  #clients = new Set<Client>();
  #takers: ((client: Client | undefined) => void)[] = [];
  #closed = false;
  #discard: (client: Client) => void;

  /** Creates one; `discard` closes a client that nobody accepts any more. */
  constructor(discard: (client: Client) => void) {
    this.#discard = discard;
  }

  /** Hands a client over. */
  add(client: Client): void {
    if (this.#closed) {
      this.#discard(client);
      return;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) this.#clients.add(client);
    else taker(client);
  }

  /** Lets go of a client that is gone before anybody took it. */
  forget(client: Client): void {
    this.#clients.delete(client);
  }

  /** The next client, or `undefined` once the queue is closed. */
  take(): Promise<Client | undefined> {
    for (const client of this.#clients) {
      this.#clients.delete(client);
      return Promise.resolve(client);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Discards the clients that wait, and tells the takers that none comes. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients) this.#discard(client);
    this.#clients.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }
}
