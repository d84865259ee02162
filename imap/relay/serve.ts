/**
 * Relays all clients of a listener.
 *
 * @module
 */

import { checkListener } from "../../transports/address_checks.ts";
import { callListener } from "../../transports/call_listener.ts";
import { PendingRead } from "../../transports/pending_read.ts";
import type { Address, Listener, Transport } from "../../transports/transport.ts";
import {
  type CancelCommandsOptions,
  type CloseImapOptions,
  ConnectionHost,
  type ConnectionLimits,
} from "../connection_host.ts";
import { RelayConnection } from "./connection.ts";
import { movedForm, type MovedRelay } from "./moved_relay.ts";
import {
  checkRelayOptions,
  newRelayProtocol,
  type RelayConnectionOptions,
  timeoutsOf,
} from "./options.ts";

/** Options for {@linkcode serveRelay}. Times are in milliseconds; 0 and `Infinity` mean no limit. */
export interface ServeRelayOptions extends RelayConnectionOptions, ConnectionLimits {
  /** Closes the relay when it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * Relays each client of a listener to an IMAP server, and answers custom commands in its place. The listener belongs
 * to the relay from here on.
 *
 * What a client sends is passed on only as commands that the relay has understood, so that the server can't read
 * anything else in it; see `ImapRelayProtocol` for the rules. Put the relay's address into Dovecot's
 * `login_trusted_networks`, so that its log, its limits and its delays go by the clients' addresses.
 *
 * Throws a `LocalProtocolError` for invalid options.
 *
 * @example A relay with a command of its own
 * ```ts
 * import { defineCommand, ImapClient, ok, serve } from "@dovewire/dovewire/imap";
 * import { serveRelay } from "@dovewire/dovewire/imap/relay";
 * import { connect, listen } from "@dovewire/dovewire/transports";
 * import assert from "node:assert/strict";
 *
 * const place = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
 * // In place of Dovecot:
 * await using server = serve(await listen(place), { authenticate: ({ user }) => user });
 *
 * await using relay = serveRelay(await listen(place), {
 *   connect: ({ signal }) => connect(server.address, { signal }),
 *   commands: [defineCommand({ name: "XWHO" }, (_args, { user }) => ok(`You are ${user}.`))],
 * });
 *
 * assert(relay.address.transport === "tcp");
 * await using client = await ImapClient.connect(relay.address, {
 *   username: "alice",
 *   password: "s3cret",
 * });
 * assert.equal((await client.command("XWHO")).text, "You are alice.");
 * ```
 */
export function serveRelay(listener: Listener, options: ServeRelayOptions): ImapRelay {
  return new ImapRelay(listener, options);
}

/** A relay that runs, as {@linkcode serveRelay} returns it. */
export class ImapRelay implements AsyncDisposable {
  /** Resolves when the relay is closed. */
  readonly finished: Promise<void>;
  readonly #host: ConnectionHost<RelayConnection>;
  readonly #options: ServeRelayOptions;

  /** Called by {@linkcode serveRelay}. */
  constructor(listener: Listener, options: ServeRelayOptions) {
    // Checked here since it would be too late when a client connects.
    this.#options = options;
    checkListener(listener);
    checkRelayOptions(options);
    timeoutsOf(options);
    newRelayProtocol(options);
    const local = listener.address;
    const { refusalDelay, signal } = options;
    this.#host = new ConnectionHost(listener, {
      ...{ limits: options, refusalDelay, signal },
      onError: (error, peer) => {
        callListener(options.onError, error, { peer, sessionId: undefined, local });
      },
      open: (transport, context) => new RelayConnection(transport, options, { local, ...context }),
    });
    this.finished = this.#host.finished;
  }

  /** Where it listens, with the chosen port. */
  get address(): Address {
    return this.#host.address;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#host.size;
  }

  /** How many of them are frozen; see {@linkcode RelayConnectionOptions.freezeAfter}. */
  get frozenConnections(): number {
    return this.#host.count((connection) => connection.isFrozen);
  }

  /** Says how its connections' states are to be read when they move: only a relay that says the same can. */
  get form(): string {
    return movedForm;
  }

  /**
   * Gives up a connection in which nothing is under way at present, for the relay of another process; `undefined` if
   * there is none. For a `HandoverWorker`.
   */
  release(mayMove: (transport: Transport) => boolean): MovedRelay | undefined {
    return this.#host.find((connection) => connection.release(mayMove));
  }

  /**
   * Takes over a connection that another process has given up: its state, and the client's and the server's transport.
   * Throws a `LocalProtocolError` if that can't be read here.
   */
  adopt(bytes: Uint8Array, transports: readonly Transport[]): void {
    const released = transports.map((transport) => ({
      transport,
      reading: new PendingRead(transport),
      isHalfClosed: false,
    }));
    this.#host.adopt((context) =>
      new RelayConnection({ bytes, transports: released }, this.#options, context)
    );
  }

  /**
   * Stops listening, and ends each connection with BYE: at once where a client only idles or a long-running
   * command runs; otherwise as soon as the client's commands are answered, and after `timeout` at the latest.
   * Resolves when everything is closed; rejects with a `LocalProtocolError` for invalid options. Further
   * calls wait for the first one.
   */
  close(options?: CloseImapOptions): Promise<void> {
    return this.#host.close(options);
  }

  /**
   * Ends custom commands that run: their clients are answered NO, and their handlers' signals abort. The
   * connections stay open. Returns how many commands it ended; throws a `LocalProtocolError` for a text that can't
   * be sent.
   */
  cancelCommands(options?: CancelCommandsOptions): number {
    return this.#host.cancelCommands(options);
  }

  /** Closes the relay, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
