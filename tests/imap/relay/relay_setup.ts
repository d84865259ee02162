/**
 * A relay over sockets, whose clients and whose server are played by the test.
 *
 * @module
 */

import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { type ImapRelay, serveRelay, type ServeRelayOptions } from "../../../imap/relay/mod.ts";
import { connect, listen } from "../../../transports/mod.ts";
import type { Address, Listener, TlsOptions, Transport } from "../../../transports/transport.ts";
import { ScriptedEnd } from "../scripted_end.ts";

/** What the server lists before the login and after it. */
export const listed = "IMAP4rev1 SASL-IR IDLE LITERAL+ AUTH=PLAIN";

/** Options for {@linkcode startRelay}. */
export interface RelaySetupOptions extends Partial<ServeRelayOptions> {
  /** How the relay's own port is encrypted from the first byte. */
  readonly tls?: TlsOptions;
  /** How the server's port is encrypted from the first byte. */
  readonly upstreamTls?: TlsOptions;
}

/** A relay, its clients, and the server's ends of its connections. */
export class RelaySetup implements AsyncDisposable {
  readonly relay: ImapRelay;
  /** What the relay's `onError` was told. */
  readonly errors: unknown[] = [];
  readonly #listener: Listener;
  readonly #peers: ScriptedEnd[] = [];
  readonly #sockets: Socket[] = [];

  private constructor(listener: Listener, own: Listener, options: RelaySetupOptions) {
    this.#listener = listener;
    this.relay = serveRelay(own, {
      connect: ({ signal }) => connect(listener.address, { signal }),
      upstreamId: false,
      refusalDelay: 0,
      // Otherwise one may come at any time.
      keepaliveInterval: 0,
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  /** Starts a relay at a free port. */
  static async start(options: RelaySetupOptions = {}): Promise<RelaySetup> {
    const place: Address = { transport: "tcp", hostname: "127.0.0.1", port: 0 };
    const { tls, upstreamTls } = options;
    const listener = await listen(place, upstreamTls === undefined ? {} : { tls: upstreamTls });
    const own = await listen(place, tls === undefined ? {} : { tls });
    return new RelaySetup(listener, own, options);
  }

  /** Where the server listens. */
  get listening(): Address {
    return this.#listener.address;
  }

  /** Connects a client. */
  async client(tls?: TlsOptions): Promise<ScriptedEnd> {
    return this.#keep(await connect(this.relay.address, tls === undefined ? {} : { tls }));
  }

  /** Connects a client as a bare socket, which reads nothing by itself. */
  async socket(): Promise<Socket> {
    const { address } = this.relay;
    if (address.transport !== "tcp") throw new Error("the relay has no port");
    const socket = dial({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
    this.#sockets.push(socket);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  }

  /** The server's end of the next connection. */
  async server(): Promise<ScriptedEnd> {
    return this.#keep(await this.transport());
  }

  /** The server's end of the next connection, which nobody reads. */
  async transport(): Promise<Transport> {
    return (await this.#listener.accept())!;
  }

  /** A client that is logged in, and the server's end of its connection. */
  async session(): Promise<{ readonly client: ScriptedEnd; readonly server: ScriptedEnd }> {
    const client = await this.client();
    const server = await this.server();
    await logIn(client, server);
    return { client, server };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#peers.map((peer) => peer.close()));
    await this.relay.close({ timeout: 1 });
    await this.#listener.close();
  }

  #keep(transport: Transport): ScriptedEnd {
    const peer = new ScriptedEnd(transport);
    this.#peers.push(peer);
    return peer;
  }
}

/** Greets and logs in a client, by both ends of a relay. */
export async function logIn(client: ScriptedEnd, server: ScriptedEnd): Promise<void> {
  await server.say(`* OK [CAPABILITY ${listed}] ready.\r\n`);
  await client.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  await client.say("in LOGIN alice secret\r\n");
  await server.hears("~1 LOGIN alice secret\r\n");
  await server.say("~1 OK Logged in\r\n");
  await client.hears("in OK Logged in\r\n");
}

/** What the client is told of {@linkcode listed} in the greeting. */
export const greeted = "IMAP4rev1 IDLE LITERAL+ SASL-IR AUTH=PLAIN AUTH=LOGIN";

/** The next line that a transport brings, if nothing comes after it. */
export async function lineFrom(
  transport: { read(): Promise<Uint8Array | undefined> },
): Promise<string> {
  let line = "";
  while (!line.endsWith("\n")) line += new TextDecoder().decode((await transport.read())!);
  return line;
}
