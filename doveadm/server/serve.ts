/**
 * Serves doveadm's protocol: listens, accepts clients, and lets a handler answer their commands.
 *
 * @module
 */

import {
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
} from "../../core/doveadm/mod.ts";
import { AbortError, DovewireError, LocalProtocolError } from "../../core/mod.ts";
import { checkCount, checkFunction, checkOptions } from "../../core/option_checks.ts";
import { checkListener, checkTlsOptions } from "../../transports/address_checks.ts";
import { callListener } from "../../transports/call_listener.ts";
import { listen as listenWithRuntime } from "../../transports/mod.ts";
import { RefusalDelays } from "../../transports/refusal_delays.ts";
import { onAbort, startTimer, timeLimit } from "../../transports/timers.ts";
import type { Address, Listener, TlsOptions, Transport } from "../../transports/transport.ts";
import { withDoveadmAlpn } from "../alpn.ts";
import { type ClientTimeouts, ServerConnection } from "./connection.ts";
import type { DoveadmHandler } from "./handler.ts";
import { type Authenticate, type CheckLogin, passwordCheck, programCheck } from "./login.ts";

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
   * Decides who may log in, instead of a password: returns the client's name for the handler, or
   * `undefined` to refuse it. Compare secrets with `sameSecret` of the core.
   */
  authenticate?: Authenticate;
  /**
   * How long the first refusal of a login is delayed for an address that connects over TCP, in
   * milliseconds; 500 if left out, 0 for no delay. Each further refusal takes twice as long, up to sixteen
   * times the first delay, until there is none for 10 minutes. Accepted logins are never delayed. A client
   * that waits for its refusal counts for `maxConnections`, and is the first to be disconnected at the
   * limit.
   */
  refusalDelay?: number;
  /** Whether clients don't have to log in. If left out, `true` only for a UNIX socket with the mode 0600. */
  preauthenticated?: boolean;
  /**
   * The server's certificate and key, for TLS: from the first byte, unless `starttls` is set. With
   * `caCerts`, clients need a certificate, too. A `listener` has TLS from the first byte by itself, or not
   * at all.
   */
  tls?: TlsOptions;
  /** Whether clients start unencrypted and may, or must, ask for TLS before they log in. */
  starttls?: "offered" | "required";
  /**
   * How many connections may be open at once, `Infinity` for no limit; 1000 if left out. At the limit, a
   * new client replaces one whose login was refused, or else the one that has taken longest to log in; it
   * is refused if all are logged in.
   */
  maxConnections?: number;
  /** How long a client may take to log in; 10 s if left out. */
  handshakeTimeout?: number;
  /**
   * How long a client may send nothing while the server waits for its next command, or for a command's
   * input; 10 minutes if left out.
   */
  idleTimeout?: number;
  /** How long a client may read nothing while the server writes to it; 60 s if left out, as in Dovecot. */
  stallTimeout?: number;
  /**
   * Called with each error of a client: a refused login, an invalid protocol message, an exceeded time
   * limit, an error of the handler. None of them stops the server.
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
   * How long running commands may continue before they are aborted, in milliseconds; 5 s if left out, 0 or
   * `Infinity` for no limit.
   */
  timeout?: number;
}

/** The numeric options, checked and with their defaults. */
interface ServeNumbers extends ClientTimeouts {
  readonly maxConnections: number;
  readonly refusalDelays: RefusalDelays;
}

/** How long aborted handlers may take to end, in milliseconds. */
const abortGrace = 500;

/**
 * Listens for doveadm clients and lets a handler answer their commands.
 *
 * Resolves when it listens. Rejects with a `TransportError` if it can't, with an `AbortError` if its signal has
 * aborted before, and with a `LocalProtocolError` for invalid options, for example an address at which anybody
 * could connect without a password, unless `preauthenticated` allows that.
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
  checkOptions(options, {
    functions: ["authenticate", "takesInput", "onError"],
    objects: ["limits", "tls"],
    booleans: ["preauthenticated"],
    texts: ["hostname", "path"],
  });
  checkFunction("The handler", handler);
  const preauthenticated = checkAccess(options);
  checkTls(options);
  const settings = { ...options, tls: tlsOptions(options), preauthenticated };
  // Checked here since it would be too late when a client connects.
  numbersOf(settings);
  new DoveadmServerProtocol({ ...protocolOptions(settings), password: options.password });
  checkNotAborted(options.signal);
  const listener = await listenAt(options);
  return new DoveadmServer(listener, settings, handler);
}

function checkNotAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new AbortError("The server didn't start: its signal had aborted before.", {
    cause: signal.reason,
  });
}

/** Whether clients don't have to log in; throws if nobody or everybody could. */
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
      'There is neither "password" nor "authenticate", so that nobody could log in. Set one, ' +
        'or use a UNIX socket with the mode 0o600, or "preauthenticated: true" if everybody who ' +
        "can connect may run commands.",
    );
  }
  return preauthenticated;
}

/** Throws unless all clients get the encryption that the options promise. */
function checkTls(options: ServeOptions): void {
  const { tls, starttls } = options;
  checkTlsOptions(tls);
  if (tls === undefined) {
    if (starttls === undefined) return;
    throw new LocalProtocolError('"starttls" needs a certificate and a key. Set them in "tls".');
  }
  if (tls.cert === undefined || tls.key === undefined) {
    throw new LocalProtocolError('"tls" lacks "cert" or "key", and a server needs both, as PEM.');
  }
  if (starttls === undefined && "listener" in options) {
    throw new LocalProtocolError(
      '"tls" can\'t encrypt what a "listener" has accepted. Give "tls" to listen(), or set "starttls".',
    );
  }
  if (starttls === "offered" && tls.caCerts !== undefined) {
    throw new LocalProtocolError(
      '"caCerts" requires a certificate of clients, and without TLS they have none. Set "starttls" ' +
        'to "required".',
    );
  }
}

function tlsOptions({ tls }: ServeSettings): TlsOptions | undefined {
  return tls === undefined ? undefined : withDoveadmAlpn(tls);
}

/** Checks the options that are numbers. */
function numbersOf(settings: ServeSettings): ServeNumbers {
  const { maxConnections = 1000, refusalDelay = 500 } = settings;
  const { handshakeTimeout = 10_000, idleTimeout = 600_000, stallTimeout = 60_000 } = settings;
  checkCount("maxConnections", maxConnections, 1);
  return {
    maxConnections,
    refusalDelays: new RefusalDelays(refusalDelay),
    handshakeTimeout: timeLimit("handshakeTimeout", handshakeTimeout),
    idleTimeout: timeLimit("idleTimeout", idleTimeout),
    stallTimeout: timeLimit("stallTimeout", stallTimeout),
  };
}

/** The protocol's options; the server itself checks logins. */
function protocolOptions(settings: ServeSettings): DoveadmServerProtocolOptions {
  const { username, preauthenticated, maxMinor, takesInput, limits, starttls } = settings;
  return { username, preauthenticated, maxMinor, takesInput, limits, starttls };
}

function listenAt(options: ServeOptions): Promise<Listener> | Listener {
  const encryption = options.starttls !== undefined ? {} : { tls: tlsOptions(options) };
  if ("listener" in options) {
    checkListener(options.listener);
    return options.listener;
  }
  if ("path" in options) {
    return listenWithRuntime({ transport: "unix", path: options.path }, {
      mode: options.mode ?? 0o600,
      ...encryption,
    });
  }
  const { hostname, port } = options;
  return listenWithRuntime({ transport: "tcp", hostname, port }, encryption);
}

/** A listening server, as {@linkcode serve} returns it. */
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

  /** Called by {@linkcode serve}. */
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

  /** Where it listens, with the chosen port. */
  get address(): Address {
    return this.#listener.address;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Stops listening, and closes each connection as soon as no command runs on it; commands that take longer
   * than `timeout` are aborted. Resolves when everything is closed; rejects with a `LocalProtocolError` for
   * invalid options. Further calls wait for the first one.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkOptions(options);
    const { timeout = 5000 } = options;
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

  /** Makes room for another client; returns whether there is any. */
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

  /** The connection that has been open for longest among those in that state of the handshake. */
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
    callListener(this.#settings.onError, error, peer);
  }
}

/** How logins are checked; `undefined` where clients don't have to log in. */
function checkLogin(
  { username = "doveadm", password, authenticate, preauthenticated }: ServeSettings,
  onError: (error: unknown) => void,
): CheckLogin | undefined {
  if (preauthenticated) return undefined;
  if (authenticate !== undefined) return programCheck(authenticate, onError);
  return password === undefined ? undefined : passwordCheck(username, password);
}
