/**
 * Serves IMAP without mail: the login, and custom commands.
 *
 * @module
 */

import { callListener } from "../transports/call_listener.ts";
import type { Address, Listener } from "../transports/transport.ts";
import {
  type CancelCommandsOptions,
  type CloseImapOptions,
  ConnectionHost,
} from "./connection_host.ts";
import { ServerConnection } from "./server_connection.ts";
import {
  checkServerOptions,
  newServerProtocol,
  type ServeImapOptions,
  serverTimes,
} from "./server_options.ts";

/**
 * Serves each client of a listener: its login, the built-in commands, and custom ones. There is no mail: for
 * custom commands in front of a mail server, see the relay. The listener belongs to the server from here on.
 *
 * Throws a `LocalProtocolError` for invalid options.
 *
 * @example
 * ```ts
 * import { defineCommand, ImapClient, imapString, ok, serve, untagged } from "@dovewire/dovewire/imap";
 * import { listen } from "@dovewire/dovewire/transports";
 * import assert from "node:assert/strict";
 *
 * const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
 * await using server = serve(listener, {
 *   authenticate: ({ user, password, authzid }) =>
 *     authzid === "" && password === "s3cret" ? user : undefined,
 *   commands: [
 *     defineCommand({ name: "XGREET", args: ["astring"] }, async function* ([name], { user }) {
 *       yield untagged("XGREET ", imapString(`${user} greets ${name}`));
 *       return ok("Greeted.");
 *     }),
 *   ],
 * });
 *
 * assert(server.address.transport === "tcp");
 * const { hostname, port } = server.address;
 * await using client = await ImapClient.connect({ hostname, port }, {
 *   username: "alice",
 *   password: "s3cret",
 * });
 * const { text } = await client.command("XGREET", ["bob"]);
 * assert.equal(text, "Greeted.");
 * ```
 */
export function serve(listener: Listener, options: ServeImapOptions): ImapServer {
  return new ImapServer(listener, options);
}

/** A server that runs, as {@linkcode serve} returns it. */
export class ImapServer implements AsyncDisposable {
  /** Resolves when the server is closed. */
  readonly finished: Promise<void>;
  readonly #host: ConnectionHost<ServerConnection>;

  /** Called by {@linkcode serve}. */
  constructor(listener: Listener, options: ServeImapOptions) {
    // Checked here since it would be too late when a client connects.
    checkServerOptions(options);
    newServerProtocol(options);
    const times = serverTimes(options);
    const onError = (error: unknown, peer: string) => callListener(options.onError, error, peer);
    const { refusalDelay, signal } = options;
    this.#host = new ConnectionHost(listener, {
      ...{ limits: options, refusalDelay, signal, onError },
      open: (transport, context) =>
        new ServerConnection(transport, { server: options, times, onError, ...context }),
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

  /**
   * Stops listening, and ends each connection with BYE: at once where a client only idles or a long-running
   * command runs; otherwise as soon as the client's command is answered, and after `timeout` at the latest.
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

  /** Closes the server, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
