/**
 * Serves doveadm's protocol: listens, lets clients in, and has a handler answer their commands.
 *
 * @module
 */

import {
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
} from "../../core/doveadm/mod.ts";
import { DovewireError, LocalProtocolError } from "../../core/mod.ts";
import { listen as listenWithRuntime } from "../../transports/mod.ts";
import type { Address, Listener, TlsOptions, Transport } from "../../transports/transport.ts";
import { withDoveadmAlpn } from "../alpn.ts";
import { type Authenticate, ServerConnection } from "./connection.ts";
import type { DoveadmHandler } from "./handler.ts";

/** Where a server listens. */
export type ServePlace =
  /** At a UNIX socket with that mode, 0o600 if left out. */
  | { readonly path: string; readonly mode?: number }
  /** At a TCP port, 0 for any that is free; `hostname` is a name or an IP address. */
  | { readonly hostname: string; readonly port: number }
  /** Where somebody listens already; the listener belongs to the server from here on. */
  | { readonly listener: Listener };

/** What {@linkcode serve} can be told besides where to listen. */
export interface ServeSettings
  extends Pick<DoveadmServerProtocolOptions, "username" | "maxMinor" | "takesInput" | "limits"> {
  /** The password that lets a client in. */
  password?: string;
  /**
   * Decides who may log in, in place of a password: gives the name by which the handler will know the
   * client, or `undefined` for nobody. Compare secrets with `sameSecret` of the core.
   */
  authenticate?: Authenticate;
  /**
   * Whether clients needn't log in. If left out, that is so at a UNIX socket with the mode 0600, and
   * nowhere else.
   */
  preauthenticated?: boolean;
  /**
   * The server's certificate and key, to speak TLS with: from the first byte, unless `starttls` says
   * that it is asked for. With `caCerts` clients need a certificate, too.
   */
  tls?: TlsOptions;
  /** Whether clients begin in clear and may ask for TLS before they log in, or have to. */
  starttls?: "offered" | "required";
  /**
   * How many connections may be open at once; 1000 if left out. Behind that a new client takes the
   * place of the one that has taken longest to log in, or is turned away if all are logged in.
   */
  maxConnections?: number;
  /** How long a client may take to log in, in milliseconds; 10 s if left out, 0 for ever. */
  handshakeTimeout?: number;
  /**
   * How long a client may send nothing while its next command, or a command's input, is waited for,
   * in milliseconds; 10 minutes if left out, 0 for ever.
   */
  idleTimeout?: number;
  /**
   * How long a client may read nothing of what is written to it, in milliseconds; 60 s if left out,
   * as in Dovecot, 0 for ever.
   */
  stallTimeout?: number;
  /**
   * Gets what went wrong with a client: a login that was refused, bytes that are no doveadm's, a
   * time that was over, an error of the handler. Nothing of it stops the server.
   */
  onError?: (error: unknown, peer: string) => void;
  /** Closes the server when it aborts. */
  signal?: AbortSignal;
}

/** What {@linkcode serve} is told. */
export type ServeOptions = ServePlace & ServeSettings;

/** How a server is closed. */
export interface CloseOptions {
  /** How long commands that run may go on before they are given up, in ms; 5 s if left out. */
  timeout?: number;
}

/** How long a handler that was given up may take to say so, in milliseconds. */
const abortGrace = 500;

/**
 * Listens for doveadm's clients and has a handler answer their commands.
 *
 * Resolves when it listens. Rejects with a `TransportError` where it can't, and with a
 * `LocalProtocolError` for options that can't be, among them a place where anybody could connect
 * without a password, unless `preauthenticated` says that this is meant.
 *
 * @example
 * ```ts
 * import { CommandFailure, serve } from "@dovewire/dovewire/server";
 * import { connect } from "@dovewire/dovewire";
 * import assert from "node:assert/strict";
 *
 * const options = { hostname: "127.0.0.1", port: 0, password: "s3cret" };
 * await using server = await serve(options, async function* ({ name, user }) {
 *   if (name !== "mailbox list") throw new CommandFailure("");
 *   if (user !== "alice") throw new CommandFailure("NOUSER", { log: `There is no ${user}.` });
 *   yield "INBOX";
 *   yield "Sent";
 * });
 *
 * assert(server.address.transport === "tcp");
 * await using doveadm = connect(server.address, { password: "s3cret" });
 * const { fields } = await doveadm.send({ name: "mailbox list", user: "alice" });
 * assert.deepEqual(fields, ["INBOX", "Sent"]);
 * ```
 */
export async function serve(
  options: ServeOptions,
  handler: DoveadmHandler,
): Promise<DoveadmServer> {
  const preauthenticated = checkAccess(options);
  checkTls(options);
  checkNumbers(options);
  // It looks at its own options, and better now than for each client.
  new DoveadmServerProtocol({ ...protocolOptions(options), loginEvents: false });
  options.signal?.throwIfAborted();
  const listener = await listenAt(options);
  return new DoveadmServer(
    listener,
    { ...options, tls: tlsOptions(options), preauthenticated },
    handler,
  );
}

/** Whether clients needn't log in; throws where nobody or anybody could. */
function checkAccess(options: ServeOptions): boolean {
  const { password, authenticate } = options;
  const isPrivate = "path" in options && (options.mode ?? 0o600) === 0o600;
  const hasLogin = password !== undefined || authenticate !== undefined;
  const preauthenticated = options.preauthenticated ?? (isPrivate && !hasLogin);
  if (password !== undefined && authenticate !== undefined) {
    throw new LocalProtocolError('Both "password" and "authenticate" are set. Leave one out.');
  }
  if (!preauthenticated && !hasLogin) {
    throw new LocalProtocolError(
      'There is neither "password" nor "authenticate", so that nobody could log in. Set one; or ' +
        'use a UNIX socket with the mode 0o600, or "preauthenticated: true" where everybody who ' +
        "can connect may run commands.",
    );
  }
  return preauthenticated;
}

function checkTls({ tls, starttls }: ServeSettings): void {
  if (tls !== undefined && (tls.cert === undefined || tls.key === undefined)) {
    throw new LocalProtocolError('"tls" lacks "cert" or "key", and a server needs both, as PEM.');
  }
  if (starttls !== undefined && tls === undefined) {
    throw new LocalProtocolError('"starttls" needs a certificate and a key. Give them as "tls".');
  }
}

function tlsOptions({ tls }: ServeSettings): TlsOptions | undefined {
  return tls === undefined ? undefined : withDoveadmAlpn(tls);
}

function checkNumbers(options: ServeSettings): void {
  const { maxConnections = 1, handshakeTimeout = 0, idleTimeout = 0, stallTimeout = 0 } = options;
  if (!(maxConnections >= 1)) {
    throw new LocalProtocolError(`"maxConnections" is ${maxConnections}. Give a number from 1 on.`);
  }
  for (const [name, time] of Object.entries({ handshakeTimeout, idleTimeout, stallTimeout })) {
    if (!(time >= 0)) {
      throw new LocalProtocolError(`"${name}" is ${time}. Give milliseconds, or 0 for ever.`);
    }
  }
}

/** What the protocol is told of a server's settings. */
function protocolOptions(settings: ServeSettings): DoveadmServerProtocolOptions {
  const { username, password, preauthenticated, maxMinor, takesInput, limits, starttls } = settings;
  const startTls = starttls === "required" ? starttls : starttls === "offered";
  return { username, password, preauthenticated, maxMinor, takesInput, limits, startTls };
}

function listenAt(options: ServeOptions): Promise<Listener> | Listener {
  const encryption = options.starttls !== undefined ? {} : { tls: tlsOptions(options) };
  if ("listener" in options) return options.listener;
  if ("path" in options) {
    return listenWithRuntime({ transport: "unix", path: options.path }, {
      mode: options.mode ?? 0o600,
      ...encryption,
    });
  }
  const { hostname, port } = options;
  return listenWithRuntime({ transport: "tcp", hostname, port }, encryption);
}

/** A server that listens, as {@linkcode serve} gives it. */
export class DoveadmServer implements AsyncDisposable {
  /** Resolves when the server is closed. */
  readonly finished: Promise<void>;
  #listener: Listener;
  #options: ServeSettings;
  #handler: DoveadmHandler;
  #connections = new Set<ServerConnection>();
  #closing: Promise<void> | undefined;
  #accepting: Promise<void>;
  #finish: () => void = () => {};

  /** Made by {@linkcode serve}. */
  constructor(listener: Listener, options: ServeSettings, handler: DoveadmHandler) {
    this.#listener = listener;
    this.#options = options;
    this.#handler = handler;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const { signal } = options;
    const abort = () => void this.close();
    signal?.addEventListener("abort", abort);
    void this.finished.then(() => signal?.removeEventListener("abort", abort));
    this.#accepting = this.#accept();
    if (signal?.aborted) abort();
  }

  /** Where it listens, with the port that was chosen. */
  get address(): Address {
    return this.#listener.address;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Stops listening, and closes each connection as soon as no command runs on it; commands that take
   * longer than `timeout` are given up. Resolves when all is closed.
   */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#closing ??= this.#close(options);
  }

  /** Closes the server, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close({ timeout = 5000 }: CloseOptions): Promise<void> {
    await this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.finish();
    await this.#allClosed(timeout);
    const reason = new DovewireError("The server closes.");
    for (const connection of this.#connections) connection.giveUp(reason);
    await this.#allClosed(abortGrace);
    await Promise.all([...this.#connections].map((connection) => connection.close(reason)));
    this.#finish();
  }

  /** Resolves when all connections are closed, or the time is over. */
  async #allClosed(time: number): Promise<void> {
    if (this.#connections.size === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeIsOver = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, time);
    });
    await Promise.race([
      Promise.all([...this.#connections].map(({ closed }) => closed)),
      timeIsOver,
    ]);
    clearTimeout(timer);
  }

  async #accept(): Promise<void> {
    for (let client; (client = await this.#listener.accept()) !== undefined;) {
      if (this.#makeRoom(client)) this.#admit(client);
    }
  }

  /** Whether there is room for another client, made where it can be. */
  #makeRoom(transport: Transport): boolean {
    const { maxConnections = 1000 } = this.#options;
    if (this.#connections.size < maxConnections) return true;
    const limit = new DovewireError(
      `${maxConnections} connections are open, which is the limit ("maxConnections").`,
    );
    this.#report(limit, transport.peer);
    // The set has them in the order in which they came.
    for (const connection of this.#connections) {
      if (!connection.isHandshaking) continue;
      this.#connections.delete(connection);
      void connection.close(limit);
      return true;
    }
    void transport.close();
    return false;
  }

  #admit(transport: Transport): void {
    const { authenticate } = this.#options;
    const { handshakeTimeout = 10_000, idleTimeout = 600_000, stallTimeout = 60_000 } =
      this.#options;
    const connection = new ServerConnection(transport, {
      protocol: protocolOptions(this.#options),
      tls: this.#options.tls,
      handler: this.#handler,
      authenticate,
      handshakeTimeout,
      idleTimeout,
      stallTimeout,
      onError: (error, peer) => this.#report(error, peer),
    });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }

  #report(error: unknown, peer: string): void {
    try {
      this.#options.onError?.(error, peer);
    } catch (mistake) {
      // It is the program's, and no client's.
      queueMicrotask(() => {
        throw mistake;
      });
    }
  }
}
