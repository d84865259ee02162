/**
 * The client that people use: it opens connections as it needs them and knows the servers' ways.
 *
 * @module
 */

import { LocalProtocolError, RemoteProtocolError } from "../../core/mod.ts";
import { versionOf } from "../../core/doveadm/catalogue/mod.ts";
import {
  defaultClientLimits,
  type DoveadmClientLimits,
} from "../../core/doveadm/client_options.ts";
import { defaultTimeout, timeLimit } from "../../transports/timers.ts";
import { type Connector, peerName } from "../../transports/transport.ts";
import { CommandError } from "./command_error.ts";
import { sharesConnection } from "./command_traits.ts";
import type { DoveadmConnection } from "./connection.ts";
import type { DoveadmConnectionOptions } from "./connection_options.ts";
import { ConnectionPool } from "./connection_pool.ts";
import { DoveadmClient } from "./doveadm_client.ts";
import type { StreamedField } from "./field_stream.ts";
import { type Input, isWhole } from "./input.ts";
import { openConnection } from "./open_connection.ts";
import { checkPlaintext, isOverNetwork } from "./plaintext.ts";
import type { DoveadmRequest, DoveadmResult, SendOptions } from "./request.ts";
import { allRows, rowsOfReply, rowsOfStream, rowsOfUsers, valuesPerRow } from "./rows.ts";
import { type DoveadmTarget, resolveTarget } from "./target.ts";
import { type Row, TypedCall, type Users } from "./typed_call.ts";
import type { ValueOptions } from "./values.ts";

/** Options for a {@linkcode Doveadm}. */
export interface DoveadmOptions extends Omit<DoveadmConnectionOptions, "signal">, ValueOptions {
  /**
   * How long connecting may take, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit.
   */
  connectTimeout?: number;
  /**
   * How long a connection without work is kept, in milliseconds; 30 s if left out, 0 or `Infinity` for
   * no limit.
   */
  idleTimeout?: number;
  /** How many connections may be open at once; 10 if left out. Dovecot's own limit is 100. */
  maxConnections?: number;
  /** Opens the transports; the adapter of the runtime that this is if left out. */
  connector?: Connector;
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
  /** Who is at the other end, for messages. */
  override readonly peer: string;
  #pool: ConnectionPool;
  #limits: DoveadmClientLimits;

  /**
   * Creates a client, as `connect()` does. Throws a `LocalProtocolError` for an invalid target or
   * option.
   */
  constructor(target: string | URL | DoveadmTarget, options: DoveadmOptions = {}) {
    super(options);
    const { address, security, password: passwordOfTarget } = resolveTarget(target);
    const { password = passwordOfTarget } = options;
    const { maxConnections = 10, starttls, idleTimeout = 30_000 } = options;
    const { timeout = defaultTimeout, connectTimeout = 0, handshakeTimeout = 0 } = options;
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
    for (const [name, value] of Object.entries({ timeout, connectTimeout, handshakeTimeout })) {
      timeLimit(name, value);
    }
    this.peer = peerName(address);
    this.#limits = { ...defaultClientLimits, ...options.limits };
    const how = {
      ...options,
      ...(password === undefined ? {} : { password }),
      address,
      security: starttls === undefined ? security : "starttls" as const,
    };
    if (password !== undefined) {
      checkPlaintext("password", {
        peer: this.peer,
        isExposed: how.security === "none" &&
          isOverNetwork(address.transport === "tcp" ? address.hostname : undefined),
        isAllowed: options.allowPlaintextPassword,
        howToEncrypt: 'Use "doveadms://" (a listener with "ssl = yes") or "doveadm+starttls://".',
      });
    }
    this.#pool = new ConnectionPool({
      open: (signal) => openConnection(how, signal),
      maxConnections,
      timeout,
      idleTimeout: timeLimit("idleTimeout", idleTimeout),
      peer: this.peer,
    });
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
    return this.#use(request, options, (connection, rest) => succeed(connection, request, rest));
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
  override async *stream(
    request: DoveadmRequest,
    options: SendOptions = {},
  ): AsyncGenerator<StreamedField, void, void> {
    const connection = await this.#pool.open(request.name, options);
    try {
      yield* connection.stream(request, options);
    } finally {
      await this.#pool.release(connection);
    }
  }

  /**
   * Closes all connections. A command without an answer gets a `ConnectionLostError`, and so does
   * one that is sent from here on.
   */
  override async close(): Promise<void> {
    await this.#pool.close();
  }

  /**
   * Runs a call, for each of its users if they are many.
   *
   * @internal
   */
  protected override async runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    if (call.users === undefined) return await this.#runFor(call.user, call, options);
    const names = await this.#namesOf(call.users, options);
    const found = rowsOfUsers(names, (user) => this.#runFor(user, call, options));
    return await allRows(call, found, this.#limits);
  }

  /**
   * Runs a call and gives its rows as they arrive, user after user if they are many.
   *
   * @internal
   */
  protected override async *rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<Row, void, void> {
    if (call.users === undefined) return yield* this.#rowsFor(call.user, call, options);
    const names = await this.#namesOf(call.users, options);
    yield* rowsOfUsers(names, (user) => this.#rowsFor(user, call, options));
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
    return Promise.allSettled(calls.map((call) => this.runCall(call, options)));
  }

  /** Runs a call for one user, or for none. */
  #runFor(user: string | undefined, call: TypedCall, options: SendOptions): Promise<Row[]> {
    const { info: { name }, input } = call;
    return this.#use({ name, input }, options, async (connection, rest) => {
      const version = versionOf(connection.minor);
      const request = { name, user, args: call.argumentsFor(version), input };
      const { rawFields } = await succeed(connection, request, rest);
      return rowsOfReply(call, rawFields, { version, limits: this.#limits });
    });
  }

  /** Runs a call for one user, or for none, and gives its rows as they arrive. */
  async *#rowsFor(
    user: string | undefined,
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<Row, void, void> {
    const { info: { name }, input } = call;
    const connection = await this.#pool.open(name, options);
    try {
      const version = versionOf(connection.minor);
      const request = { name, user, args: call.argumentsFor(version), input };
      const row = valuesPerRow(call, version);
      const fields = connection.stream(request, { ...options, valuesPerRow: row });
      yield* rowsOfStream(call, fields, { version, limits: this.#limits });
    } finally {
      await this.#pool.release(connection);
    }
  }

  /** The servers of 2.3 leave it to the client to find the users. */
  async #namesOf(users: Users, options: SendOptions): Promise<readonly string[]> {
    if ("names" in users) return users.names;
    const call = new TypedCall("user", { userMask: [users.mask] });
    const rows = await this.#runFor(undefined, call, options);
    return rows.map(({ username }) => {
      if (typeof username === "string") return username;
      const message = '"user" was answered with a user whose name is no text.';
      throw new RemoteProtocolError(message, { sent: true });
    });
  }

  /** Does something with a connection that suits a command. */
  #use<Result>(
    { name, input }: { readonly name: string; readonly input?: Input },
    options: SendOptions,
    run: (connection: DoveadmConnection, options: SendOptions) => Promise<Result>,
  ): Promise<Result> {
    const isShared = sharesConnection(name) && (input === undefined || isWhole(input));
    return this.#pool.use({ name, isShared, options, run });
  }
}

/** Sends a command; rejects with a `CommandError` where it fails. */
async function succeed(
  connection: DoveadmConnection,
  request: DoveadmRequest,
  options: SendOptions,
): Promise<DoveadmResult> {
  const answer = await connection.send(request, options);
  if (answer.ok) return answer;
  // A server reads refused input as commands; a connection that it came on is not used again.
  if (request.input !== undefined) void connection.close();
  throw new CommandError(request.name, answer, answer.log);
}
