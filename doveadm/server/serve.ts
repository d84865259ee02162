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
import { onAbort, startTimer, timeLimit } from "../../transports/timers.ts";
import type { Address, Listener, TlsOptions, Transport } from "../../transports/transport.ts";
import { withDoveadmAlpn } from "../alpn.ts";
import { type ClientTimeouts, ServerConnection } from "./connection.ts";
import type { DoveadmHandler } from "./handler.ts";
import { type Authenticate, type CheckLogin, passwordCheck, programCheck } from "./login.ts";
import { RefusalDelays } from "./refusal_delays.ts";

/** Where a server listens. */
export type ServePlace =
  /** At a UNIX socket with that mode, 0o600 if left out. */
  | { readonly path: string; readonly mode?: number }
  /** At a TCP port, 0 for any that is free; `hostname` is a name or an IP address. */
  | { readonly hostname: string; readonly port: number }
  /** A listener that exists already; it belongs to the server from here on. */
  | { readonly listener: Listener };

/**
 * Options for {@linkcode serve} besides where to listen.
 *
 * Time limits are in milliseconds; 0 and `Infinity` mean no limit.
 */
export interface ServeSettings
  extends Pick<DoveadmServerProtocolOptions, "username" | "maxMinor" | "takesInput" | "limits"> {
  /** The password that lets a client in. */
  password?: string;
  /**
   * Decides who may log in, in place of a password: returns the name by which the handler will know the
   * client, or `undefined` for nobody. Compare secrets with `sameSecret` of the core.
   */
  authenticate?: Authenticate;
  /**
   * How long the first refusal of a login is delayed for an address that connects over TCP, in
   * milliseconds; 500 if left out, 0 for no delay. Each further refusal takes twice as long, up to sixteen
   * times the first delay, until 10 minutes go by without one. Logins that are accepted are never delayed.
   * A client that waits for its refusal takes a place of `maxConnections`, and is the first to lose it.
   */
  refusalDelay?: number;
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
  /** Whether clients begin unencrypted and may ask for TLS before they log in, or have to. */
  starttls?: "offered" | "required";
  /**
   * How many connections may be open at once, `Infinity` for any number; 1000 if left out. At the limit a
   * new client takes the place of one whose login was refused, or else of the one that has taken longest
   * to log in, and is turned away if all are logged in.
   */
  maxConnections?: number;
  /** How long a client may take to log in; 10 s if left out. */
  handshakeTimeout?: number;
  /**
   * How long a client may send nothing while its next command, or a command's input, is awaited; 10
   * minutes if left out.
   */
  idleTimeout?: number;
  /** How long a client may read nothing while it is written to; 60 s if left out, as in Dovecot. */
  stallTimeout?: number;
  /**
   * Called with what went wrong with a client: a login that was refused, bytes that break the protocol, a
   * time limit that was exceeded, an error of the handler. Nothing of it stops the server.
   */
  onError?: (error: unknown, peer: string) => void;
  /** Closes the server when it aborts. */
  signal?: AbortSignal;
}

/** Options for {@linkcode serve}. */
export type ServeOptions = ServePlace & ServeSettings;

/** Options for closing a server. */
export interface CloseOptions {
  /**
   * How long commands that run may go on before they are aborted, in milliseconds; 5 s if left out, 0 or
   * `Infinity` for no limit.
   */
  timeout?: number;
}

/** Numbers among the options, checked and with their defaults. */
interface ServeNumbers extends ClientTimeouts {
  readonly maxConnections: number;
  readonly refusalDelays: RefusalDelays;
}

/** How long handlers that were aborted may take to end, in milliseconds. */
const abortGrace = 500;

/**
 * Listens for doveadm's clients and has a handler answer their commands.
 *
 * Resolves when it listens. Rejects with a `TransportError` where it can't, and with a
 * `LocalProtocolError` for invalid options, among them a place where anybody could connect without a
 * password, unless `preauthenticated` says that this is meant.
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
  const settings = { ...options, tls: tlsOptions(options), preauthenticated };
  // Both are checked again for the server and for each client, when it would be too late to refuse them.
  numbersOf(settings);
  new DoveadmServerProtocol({ ...protocolOptions(settings), password: options.password });
  options.signal?.throwIfAborted();
  const listener = await listenAt(options);
  return new DoveadmServer(listener, settings, handler);
}

/** Whether clients needn't log in; throws where nobody or everybody could. */
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

/** Checks the options that are numbers. */
function numbersOf(settings: ServeSettings): ServeNumbers {
  const { maxConnections = 1000, refusalDelay = 500 } = settings;
  if (typeof maxConnections !== "number" || !(maxConnections >= 1)) {
    throw new LocalProtocolError(
      `"maxConnections" is ${String(maxConnections)}: set it to a number from 1 on.`,
    );
  }
  return {
    maxConnections,
    refusalDelays: new RefusalDelays(refusalDelay),
    handshakeTimeout: timeLimit("handshakeTimeout", settings.handshakeTimeout ?? 10_000),
    idleTimeout: timeLimit("idleTimeout", settings.idleTimeout ?? 600_000),
    stallTimeout: timeLimit("stallTimeout", settings.stallTimeout ?? 60_000),
  };
}

/** The protocol's options; the server itself checks logins. */
function protocolOptions(settings: ServeSettings): DoveadmServerProtocolOptions {
  const { username, preauthenticated, maxMinor, takesInput, limits, starttls } = settings;
  return { username, preauthenticated, maxMinor, takesInput, limits, starttls };
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

/** A server that listens, as {@linkcode serve} returns it. */
export class DoveadmServer implements AsyncDisposable {
  /** Resolves when the server is closed. */
  readonly finished: Promise<void>;
  #listener: Listener;
  #settings: ServeSettings;
  #numbers: ServeNumbers;
  #handler: DoveadmHandler;
  /** In the order in which they were opened. */
  #connections = new Set<ServerConnection>();
  #closing: Promise<void> | undefined;
  #accepting: Promise<void>;
  #finish: () => void = () => {};

  /** Created by {@linkcode serve}. */
  constructor(listener: Listener, settings: ServeSettings, handler: DoveadmHandler) {
    this.#listener = listener;
    this.#settings = settings;
    this.#numbers = numbersOf(settings);
    this.#handler = handler;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#accepting = this.#accept();
    const { signal } = settings;
    if (signal !== undefined) {
      const forget = onAbort(signal, () => void this.close());
      void this.finished.then(forget);
    }
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
   * longer than `timeout` are aborted. Resolves when all is closed; rejects with a `LocalProtocolError`
   * for an invalid `timeout`. Further calls wait for the first one.
   */
  async close({ timeout = 5000 }: CloseOptions = {}): Promise<void> {
    const limit = timeLimit("timeout", timeout);
    await (this.#closing ??= this.#close(limit));
  }

  /** Closes the server, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(limit: number): Promise<void> {
    await this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.finish();
    await this.#allClosed(limit);
    const reason = new DovewireError("The server closes.");
    for (const connection of this.#connections) connection.abort(reason);
    await this.#allClosed(abortGrace);
    await Promise.all([...this.#connections].map((connection) => connection.close(reason)));
    this.#finish();
  }

  /** Resolves when all connections are closed, or the time is over. */
  async #allClosed(limit: number): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = startTimer(limit, resolve);
      void Promise.all([...this.#connections].map(({ closed }) => closed)).then(() => {
        timer.stop();
        resolve();
      });
    });
  }

  async #accept(): Promise<void> {
    for (let client; (client = await this.#listener.accept()) !== undefined;) {
      if (this.#makeRoom(client)) this.#admit(client);
    }
  }

  /** Whether there is room for another client, made where it can be. */
  #makeRoom(transport: Transport): boolean {
    const { maxConnections } = this.#numbers;
    if (this.#connections.size < maxConnections) return true;
    const limit = new DovewireError(
      `${maxConnections} connections are open, which is the limit ("maxConnections").`,
    );
    this.#report(limit, transport.peer);
    const dispensable = this.#oldestIn("refused") ?? this.#oldestIn("pending");
    if (dispensable === undefined) {
      void transport.close();
      return false;
    }
    this.#connections.delete(dispensable);
    void dispensable.close(limit);
    return true;
  }

  /** The connection that has been open for longest of those whose handshake is so far. */
  #oldestIn(handshake: ServerConnection["handshake"]): ServerConnection | undefined {
    for (const connection of this.#connections) {
      if (connection.handshake === handshake) return connection;
    }
  }

  #admit(transport: Transport): void {
    const settings = this.#settings;
    const { refusalDelays, ...numbers } = this.#numbers;
    const onError = (error: unknown, peer: string) => this.#report(error, peer);
    const connection = new ServerConnection(transport, {
      protocol: protocolOptions(settings),
      tls: settings.tls,
      handler: this.#handler,
      checkLogin: checkLogin(settings, (error) => onError(error, transport.peer)),
      nextRefusalDelay: (peer) => refusalDelays.next(peer),
      ...numbers,
      onError,
    });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }

  #report(error: unknown, peer: string): void {
    try {
      this.#settings.onError?.(error, peer);
    } catch (mistake) {
      // It is the program's, and no client's.
      queueMicrotask(() => {
        throw mistake;
      });
    }
  }
}

/** How logins are checked; `undefined` where clients needn't log in. */
function checkLogin(
  { username = "doveadm", password, authenticate, preauthenticated }: ServeSettings,
  onError: (error: unknown) => void,
): CheckLogin | undefined {
  if (preauthenticated) return undefined;
  if (authenticate !== undefined) return programCheck(authenticate, onError);
  return password === undefined ? undefined : passwordCheck(username, password);
}
