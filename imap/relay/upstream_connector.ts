/**
 * Connects to the server behind a relay.
 *
 * @module
 */

import { DovewireError, TimeoutError } from "../../core/mod.ts";
import { checkReturned } from "../../transports/address_checks.ts";
import { startTimer } from "../../transports/timers.ts";
import type { Transport } from "../../transports/transport.ts";
import type { RelayClientInfo } from "./client_info.ts";
import type { RelayConnectionOptions } from "./options.ts";

/** Opens one connection to the server, unless that takes too long or the client has gone. */
export class UpstreamConnector {
  readonly #connect: RelayConnectionOptions["connect"];
  readonly #timeout: number;
  readonly #controller = new AbortController();

  /** Takes the program's function, and how long it may take; `Infinity` for no limit. */
  constructor(connect: RelayConnectionOptions["connect"], timeout: number) {
    this.#connect = connect;
    this.#timeout = timeout;
  }

  /** Nobody needs the connection any more. */
  abort(reason: unknown = new DovewireError("The client has gone.")): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  /**
   * Opens the connection. Rejects with the function's error, or with a `TimeoutError`, also if the function ignores
   * its signal: what it opens later is closed.
   */
  async connect(client: RelayClientInfo): Promise<Transport> {
    const { signal } = this.#controller;
    const timer = startTimer(this.#timeout, () => {
      const text =
        `Connecting to the server for ${client.peer} took more than ${this.#timeout} ms.`;
      this.abort(new TimeoutError("connect", text));
    });
    try {
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      return await Promise.race([this.#open(client), aborted]);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      timer.stop();
    }
  }

  async #open(client: RelayClientInfo): Promise<Transport> {
    const { signal } = this.#controller;
    const transport: unknown = await this.#connect({ client, signal });
    checkReturned("connect", transport);
    // Nobody waits for it any more.
    if (signal.aborted) void transport.close();
    return transport;
  }
}
