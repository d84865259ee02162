/**
 * A TCP pipe that records what both ends say, also inside of TLS.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect, listen } from "../../../transports/mod.ts";
import type { Listener, TlsOptions, Transport } from "../../../transports/transport.ts";

/** How IMAP is secured: not at all, from the first byte, or after STARTTLS. */
export type Security = "tcp" | "tls" | "starttls";

/** Options for a {@linkcode Tap}. */
export interface TapOptions {
  /** The port on 127.0.0.1 where the server listens. */
  readonly port: number;
  /** How both ends are secured; "tcp" if left out. */
  readonly security?: Security;
  /** The certificate and key to show the client, and the CA of the server's; needed for TLS. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** One of the two ends of a connection. */
export type Side = "client" | "server";

/** How long {@linkcode TappedConnection.said} waits, in milliseconds. */
const PATIENCE = 100_000;

/** The bytes of one connection, without what TLS adds to them. */
export class TappedConnection {
  /** The connection's bytes in the order in which they came. */
  readonly pieces: { readonly from: Side; readonly bytes: Uint8Array }[] = [];
  /** Resolved when more was said. */
  #more = newSignal();

  /** What one end has said so far. */
  bytes(from: Side): Buffer {
    return Buffer.concat(
      this.pieces.filter((piece) => piece.from === from).map(({ bytes }) => bytes),
    );
  }

  /** Resolves when that many of one end's pieces match. */
  async said(from: Side, pattern: RegExp, times = 1): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    const matching = () =>
      this.pieces.filter((piece) =>
        piece.from === from && pattern.test(Buffer.from(piece.bytes).toString("latin1"))
      );
    while (matching().length < times) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`The ${from} hasn't said ${pattern} for ${PATIENCE} ms.`);
      await within(left, this.#more.promise);
    }
  }

  /** Records what one end says. */
  record(from: Side, bytes: Uint8Array): void {
    this.pieces.push({ from, bytes: bytes.slice() });
    this.#more.resolve();
    this.#more = newSignal();
  }
}

/** Passes each client's connection on to a server. */
export class Tap implements AsyncDisposable {
  /** The connections so far, in the order in which they were accepted. */
  readonly connections: TappedConnection[] = [];
  #listener: Listener;
  #options: TapOptions;
  #running = new Set<Promise<void>>();
  #open = new Set<Transport>();
  #accepted = newSignal();

  private constructor(listener: Listener, options: TapOptions) {
    this.#listener = listener;
    this.#options = options;
    void this.#acceptAll();
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(options: TapOptions): Promise<Tap> {
    const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
    const listener = await listen(
      address,
      options.security === "tls" ? { tls: shownTo("client", options) } : {},
    );
    return new Tap(listener, options);
  }

  /** The port on 127.0.0.1 for clients. */
  get port(): number {
    const { address } = this.#listener;
    if (address.transport !== "tcp") throw new Error("This is no TCP listener.");
    return address.port;
  }

  /** Resolves to a connection, by its number, once it is accepted. */
  async connection(number: number): Promise<TappedConnection> {
    const deadline = Date.now() + PATIENCE;
    while (this.connections.length <= number) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`No client connected for ${PATIENCE} ms.`);
      await within(left, this.#accepted.promise);
    }
    return this.connections[number];
  }

  /** Resolves when all connections so far have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await Promise.all([...this.#open].map((transport) => transport.close()));
    await this.ended();
  }

  async #acceptAll(): Promise<void> {
    for (;;) {
      const client = await this.#listener.accept();
      if (client === undefined) return;
      const connection = new TappedConnection();
      this.connections.push(connection);
      this.#accepted.resolve();
      this.#accepted = newSignal();
      const running = this.#run(client, connection).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  async #run(client: Transport, connection: TappedConnection): Promise<void> {
    const { port, security = "tcp" } = this.#options;
    const address = { transport: "tcp", hostname: "127.0.0.1", port } as const;
    const tls = security === "tls" ? { tls: shownTo("server", this.#options) } : {};
    this.#open.add(client);
    const server = await connect(address, tls).catch(() => undefined);
    if (server === undefined) return await client.close();
    this.#open.add(server);
    const pipe: Pipe = { client, server, connection };
    if (security === "starttls") await this.#secure(pipe).catch(() => {});
    await Promise.all([copy(pipe, "client"), copy(pipe, "server")]);
    for (const end of [client, server, pipe.client, pipe.server]) {
      await end.close();
      this.#open.delete(end);
    }
  }

  /** Passes on all up to the OK for STARTTLS, and encrypts both ways. A client waits for each answer. */
  async #secure(pipe: Pipe): Promise<void> {
    await until(pipe, "server", /\r\n$/);
    for (;;) {
      const said = await until(pipe, "client", /\r\n$/);
      const [, tag] = /^(\S+) STARTTLS\r\n$/i.exec(said) ?? [];
      const answer = await until(pipe, "server", TAGGED);
      if (tag !== undefined && TAGGED.exec(answer)![1] === "OK") break;
    }
    const [client, server] = await Promise.all([
      pipe.client.startTls(shownTo("client", this.#options)),
      pipe.server.startTls(shownTo("server", this.#options)),
    ]);
    Object.assign(pipe, { client, server });
    this.#open.add(client).add(server);
  }
}

/** The answer to a command, and its status. */
const TAGGED = /^[^*\s]\S* (OK|NO|BAD) .*\r\n/m;

/** The two ends of a connection that is passed on. */
interface Pipe {
  readonly client: Transport;
  readonly server: Transport;
  readonly connection: TappedConnection;
}

/** Passes all bytes of one end on to the other, and then its end. */
async function copy(pipe: Pipe, from: Side): Promise<void> {
  const source = pipe[from];
  const sink = pipe[from === "client" ? "server" : "client"];
  try {
    for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read()) {
      pipe.connection.record(from, chunk);
      await sink.write(chunk);
    }
    await sink.closeWrite();
  } catch {
    // Either end broke: the other learns it.
    await Promise.all([source.close(), sink.close()]);
  }
}

/** Passes on one chunk; returns it as text. */
async function step({ client, server, connection }: Pipe, from: Side): Promise<string> {
  const [source, sink] = from === "client" ? [client, server] : [server, client];
  const chunk = await source.read();
  if (chunk === undefined) throw new Error(`The ${from} ended before TLS.`);
  connection.record(from, chunk);
  await sink.write(chunk);
  return Buffer.from(chunk).toString("latin1");
}

/** Passes on chunks until they match, however the system has cut them; returns them as text. */
async function until(pipe: Pipe, from: Side, pattern: RegExp): Promise<string> {
  let said = "";
  do said += await step(pipe, from); while (!pattern.test(said));
  return said;
}

function shownTo(side: Side, { tls }: TapOptions): TlsOptions {
  if (tls === undefined) throw new Error("A tap of TLS takes certificates.");
  const { cert, key, ca } = tls;
  return side === "client" ? { cert, key } : { caCerts: [ca], serverName: "localhost" };
}

/** A promise and its `resolve`. */
function newSignal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((wake) => {
    resolve = wake;
  });
  return { promise, resolve };
}

/** Resolves when the promise does, or after a time. */
async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
