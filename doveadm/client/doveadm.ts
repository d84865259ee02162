/**
 * The client that people use: it opens connections as it needs them and knows the servers' ways.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { connect as connectTransport } from "../../transports/mod.ts";
import {
  type Address,
  type Connector,
  peerName,
  type TlsOptions,
  type Transport,
  TransportError,
} from "../../transports/transport.ts";
import { withDoveadmAlpn } from "../alpn.ts";
import { sharesConnection } from "./command_traits.ts";
import { DoveadmConnection, type DoveadmConnectionOptions } from "./connection.ts";
import { DoveadmClient } from "./doveadm_client.ts";
import { CommandError } from "./command_error.ts";
import { ConnectError, ConnectionLostError, TimeoutError } from "../../core/errors.ts";
import type { StreamedField } from "./field_stream.ts";
import { isWhole } from "./input.ts";
import { Patience } from "./patience.ts";
import { defaultTimeout, timerOf } from "../../transports/timers.ts";
import type { DoveadmAnswer, DoveadmRequest, DoveadmResult, SendOptions } from "./request.ts";
import { checkPlaintext, isOverNetwork } from "./plaintext.ts";
import { type Requested, SocketCalls } from "./socket_calls.ts";
import { type DoveadmTarget, resolveTarget, type Security } from "./target.ts";
import type { Row, TypedCall } from "./typed_call.ts";
import type { ValueOptions } from "./values.ts";

/** What a {@linkcode Doveadm} can be told. */
export interface DoveadmOptions
  extends Omit<DoveadmConnectionOptions, "signal" | "startTls">, ValueOptions {
  /**
   * Encrypts the connection before anything but the protocol's version is sent, as
   * `doveadm+starttls://` does. A server that doesn't offer that is an error: nothing ever goes on in
   * clear.
   */
  starttls?: "required";
  /** How long connecting may take, in milliseconds; 10 s if left out, 0 for ever. */
  connectTimeout?: number;
  /** How long a connection without work is kept, in milliseconds; 30 s if left out, 0 for not at all. */
  idleTimeout?: number;
  /** How many connections may be open at once; 10 if left out. Dovecot's own limit is 100. */
  maxConnections?: number;
  /** Opens the transports; the adapter of the runtime that this is if left out. */
  connector?: Connector;
}

/** A command that waits for its turn on the shared connection. */
interface Job {
  readonly requested: Requested;
  readonly options: SendOptions;
  readonly patience: Patience;
  readonly resolve: (answer: DoveadmAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A doveadm server, whatever number of connections that takes.
 *
 * Commands that act on a user's mail share one connection, one at a time and in the order of the
 * calls. Others have a connection of their own: Dovecot mixes up their rows, or gives up on them, on
 * one that was used before. So have streams, so that a command can be sent while one is read, and
 * commands whose input comes in pieces.
 *
 * A connection that a command took down answers that command with an error, and the next command
 * gets another connection. Nothing that was sent is ever sent again.
 */
export class Doveadm extends DoveadmClient {
  #address: Address;
  #security: Security;
  #options: DoveadmOptions;
  #jobs = new Set<Job>();
  #working = false;
  #shared: DoveadmConnection | undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #connections = new Set<DoveadmConnection>();
  #freeSlots: number;
  #waitingForSlot = new Set<() => void>();
  /** Aborts, with the error that tells so, when the client is closed. */
  #closing = new AbortController();
  #calls = new SocketCalls({
    send: (requested, options) => this.#send(requested, options),
    stream: (requested, options) => this.#stream(requested, options),
  });

  /** Makes one, as `connect()` does. */
  constructor(target: string | URL | DoveadmTarget, options: DoveadmOptions = {}) {
    super(options);
    const { address, password, security } = resolveTarget(target);
    const { maxConnections = 10, starttls } = options;
    if (!(maxConnections >= 1)) {
      throw new LocalProtocolError(
        `"maxConnections" is ${maxConnections}. Give a number from 1 on.`,
      );
    }
    if (starttls !== undefined && security === "tls") {
      throw new LocalProtocolError(
        'The target speaks TLS from the first byte, and has no use for "starttls". Leave it out.',
      );
    }
    this.#address = address;
    this.#security = starttls === undefined ? security : "starttls";
    this.#options = password === undefined ? options : { password, ...options };
    if (this.#options.password !== undefined) {
      checkPlaintext("password", {
        peer: this.peer,
        isExposed: this.#security === "none" &&
          isOverNetwork(address.transport === "tcp" ? address.hostname : undefined),
        isAllowed: options.allowPlaintextPassword,
        howToEncrypt: 'Use "doveadms://" (a listener with "ssl = yes") or "doveadm+starttls://".',
      });
    }
    this.#freeSlots = Math.floor(maxConnections);
  }

  /** Who is at the other end, for messages. */
  override get peer(): string {
    return peerName(this.#address);
  }

  /**
   * Runs a command and gives what the server answered.
   *
   * Rejects with a `CommandError` where the command failed; with an `AuthenticationError` or a
   * `ConnectError` where no connection was to be had; with a `TimeoutError`, an `AbortError`, a
   * `ConnectionLostError` or a `RemoteProtocolError` where no answer came; and with a
   * `LocalProtocolError` for a command that can't be sent. Each of them says by `sent` whether the
   * command may have run.
   *
   * The protocol has no way to cancel a command: one that was sent and is given up, by signal or
   * time-out, may run all the same, and its connection is closed. Other commands don't notice.
   */
  override send(request: DoveadmRequest, options: SendOptions = {}): Promise<DoveadmResult> {
    return this.#send({ name: request.name, input: request.input, at: () => request }, options);
  }

  async #send(requested: Requested, options: SendOptions): Promise<DoveadmResult> {
    const { name, input } = requested;
    const shares = sharesConnection(name) && (input === undefined || isWhole(input));
    const answer = shares
      ? await this.#enqueue(requested, options)
      : await this.#sendAlone(requested, options);
    if (!answer.ok) throw new CommandError(name, answer, answer.log);
    return answer;
  }

  /**
   * Runs a command and gives its values as they arrive, read no faster than they are taken, so that
   * an answer of any size passes through in constant memory. It begins when the first value is asked
   * for, on a connection of its own; leaving the loop early closes that.
   *
   * Behind the last value it throws what {@linkcode send} would reject with. Dovecot cuts off a
   * reader that takes nothing for a minute.
   *
   * @example A mail as it comes
   * ```ts ignore
   * import { connect } from "@dovewire/dovewire";
   *
   * await using doveadm = connect("doveadm+unix:///run/dovecot/doveadm-server");
   * const fetch = { name: "fetch", user: "alice", args: ["text", "mailbox", "INBOX", "uid", "1"] };
   * for await (const field of doveadm.stream(fetch)) {
   *   for await (const chunk of field) console.log(`${chunk.length} bytes`);
   * }
   * ```
   */
  override stream(
    request: DoveadmRequest,
    options: SendOptions = {},
  ): AsyncGenerator<StreamedField, void, void> {
    return this.#stream({ name: request.name, at: () => request }, options);
  }

  async *#stream(
    requested: Requested,
    options: SendOptions,
  ): AsyncGenerator<StreamedField, void, void> {
    const patience = this.#patience(requested, options);
    const connection = await this.#open(patience.signal).finally(() => patience.end());
    try {
      yield* connection.stream(requested.at(connection.minor), options);
    } finally {
      await this.#close(connection);
    }
  }

  /**
   * Closes all connections. A command without an answer gets a `ConnectionLostError`, and so does
   * one that is sent from here on.
   */
  override async close(): Promise<void> {
    this.#closing.abort(new ConnectionLostError(`The client of ${this.peer} was closed.`));
    clearTimeout(this.#idleTimer);
    await Promise.all([...this.#connections].map((connection) => this.#close(connection)));
  }

  /**
   * Runs a call, for each of its users if they are many.
   *
   * @internal
   */
  protected override runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    return this.#calls.run(call, options);
  }

  /**
   * Runs a call and gives its rows as they arrive, user behind user if they are many.
   *
   * @internal
   */
  protected override rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<Row, void, void> {
    return this.#calls.rows(call, options);
  }

  /**
   * Runs several calls, as far as they can at once.
   *
   * @internal
   */
  protected override runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]> {
    return Promise.allSettled(calls.map((call) => this.#calls.run(call, options)));
  }

  #patience({ name }: Requested, options: SendOptions): Patience {
    const { timeout = this.#options.timeout ?? defaultTimeout } = options;
    return new Patience(name, { ...options, timeout, closing: this.#closing.signal });
  }

  /** Runs a command on a connection of its own. */
  async #sendAlone(requested: Requested, options: SendOptions): Promise<DoveadmAnswer> {
    const patience = this.#patience(requested, options);
    const connection = await this.#open(patience.signal).finally(() => patience.end());
    try {
      const request = requested.at(connection.minor);
      return await connection.send(request, { ...options, timeout: patience.left });
    } finally {
      await this.#close(connection);
    }
  }

  /** Lets a command wait for its turn on the shared connection. */
  #enqueue(requested: Requested, options: SendOptions): Promise<DoveadmAnswer> {
    return new Promise((resolve, reject) => {
      const patience = this.#patience(requested, options);
      const job: Job = { requested, options, patience, resolve, reject };
      this.#jobs.add(job);
      const giveUp = () => {
        if (this.#jobs.delete(job)) reject(patience.signal.reason);
      };
      if (patience.signal.aborted) giveUp();
      else patience.signal.addEventListener("abort", giveUp);
      void this.#work();
    });
  }

  /** Runs the commands that wait for the shared connection, one behind the other. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    clearTimeout(this.#idleTimer);
    for (let job; (job = first(this.#jobs)) !== undefined;) {
      const connection = await this.#sharedConnection();
      // While it was opened the job may have been given up.
      if (connection === undefined || !this.#jobs.delete(job)) continue;
      const isSpoilt = await this.#runJob(job, connection);
      if (isSpoilt || this.#waitingForSlot.size > 0) await this.#dropShared();
    }
    this.#working = false;
    if (this.#waitingForSlot.size > 0) await this.#dropShared();
    else this.#startIdling();
  }

  /** Runs a command on the shared connection and says whether that can't be used any longer. */
  async #runJob({ requested, options, patience, resolve, reject }: Job, shared: DoveadmConnection) {
    patience.end();
    try {
      const request = requested.at(shared.minor);
      const answer = await shared.send(request, { ...options, timeout: patience.left });
      resolve(answer);
      // A server reads refused input as commands; a connection that it came on is not used again.
      return !answer.ok && request.input !== undefined;
    } catch (error) {
      reject(error);
      return !(error instanceof LocalProtocolError);
    }
  }

  /** The shared connection, opened if need be; `undefined` where that failed and all were told. */
  async #sharedConnection(): Promise<DoveadmConnection | undefined> {
    if (this.#shared?.isOpen) return this.#shared;
    await this.#dropShared();
    try {
      return this.#shared = await this.#open(this.#closing.signal);
    } catch (error) {
      // What keeps the first one from connecting keeps all of them.
      for (const job of this.#jobs) {
        this.#jobs.delete(job);
        job.patience.end();
        job.reject(error);
      }
    }
  }

  async #dropShared(): Promise<void> {
    const shared = this.#shared;
    this.#shared = undefined;
    if (shared !== undefined) await this.#close(shared);
  }

  #startIdling(): void {
    if (this.#shared === undefined || this.#closing.signal.aborted) return;
    this.#idleTimer = setTimeout(() => {
      if (!this.#working) void this.#dropShared();
    }, this.#options.idleTimeout ?? 30_000);
  }

  /** Opens a connection as soon as there may be another; throws the signal's reason where it aborts. */
  async #open(signal: AbortSignal): Promise<DoveadmConnection> {
    await this.#takeSlot(signal);
    try {
      const transport = await this.#connect(signal);
      const connection = await DoveadmConnection.open(transport, {
        logPassthrough: true,
        ...this.#options,
        startTls: this.#security === "starttls",
        tls: this.#tlsOptions,
        signal,
      });
      if (signal.aborted) await connection.close();
      signal.throwIfAborted();
      this.#connections.add(connection);
      return connection;
    } catch (error) {
      this.#freeSlot();
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** How to encrypt: the server's certificate has to be for the host that was asked for. */
  get #tlsOptions(): TlsOptions {
    const { hostname: serverName } = { hostname: undefined, ...this.#address };
    return { serverName, ...withDoveadmAlpn(this.#options.tls) };
  }

  async #connect(signal: AbortSignal): Promise<Transport> {
    const { connector = connectTransport, connectTimeout = 10_000 } = this.#options;
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(), timerOf(connectTimeout));
    try {
      return await connector(this.#address, {
        signal: AbortSignal.any([signal, tooLong.signal]),
        ...(this.#security === "tls" ? { tls: this.#tlsOptions } : {}),
      });
    } catch (error) {
      if (tooLong.signal.aborted) {
        throw new TimeoutError(
          "connect",
          `Connecting to ${this.peer} took more than ${connectTimeout} ms. Look at the address, ` +
            "the firewall, and whether the server still accepts.",
          { cause: error },
        );
      }
      if (error instanceof TransportError) throw new ConnectError(error.message, { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #close(connection: DoveadmConnection): Promise<void> {
    if (this.#connections.delete(connection)) this.#freeSlot();
    await connection.close();
  }

  /** Waits until there may be one more connection. */
  async #takeSlot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#freeSlots === 0 && !this.#working) await this.#dropShared();
    if (this.#freeSlots > 0) {
      this.#freeSlots--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waitingForSlot.delete(go);
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp);
      this.#waitingForSlot.add(go);
    });
  }

  #freeSlot(): void {
    const next = first(this.#waitingForSlot);
    if (next === undefined) this.#freeSlots++;
    else {
      this.#waitingForSlot.delete(next);
      next();
    }
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  const [value] = set;
  return value;
}
