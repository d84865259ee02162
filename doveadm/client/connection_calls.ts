/**
 * Runs calls over connections to a server: it opens them as needed and handles server quirks.
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
import { peerName } from "../../transports/transport.ts";
import type { CallRunner } from "./call_runner.ts";
import { CommandError } from "./command_error.ts";
import { sharesConnection } from "./command_traits.ts";
import type { DoveadmConnection } from "./connection.ts";
import { ConnectionPool } from "./connection_pool.ts";
import type { DoveadmOptions } from "./doveadm_options.ts";
import type { StreamedField } from "./field_stream.ts";
import { type Input, isWhole } from "./input.ts";
import { openConnection } from "./open_connection.ts";
import { checkPlaintext, isOverNetwork } from "./plaintext.ts";
import type { DoveadmRequest, DoveadmResult, SendOptions } from "./request.ts";
import { allRows, rowsOfReply, rowsOfStream, rowsOfUsers, valuesPerRow } from "./rows.ts";
import { type DoveadmTarget, resolveTarget } from "./target.ts";
import { type Row, TypedCall, type Users } from "./typed_call.ts";

/** Runs calls over connections. */
export class ConnectionCalls implements CallRunner {
  readonly peer: string;
  #pool: ConnectionPool;
  #limits: DoveadmClientLimits;

  /** Throws a `LocalProtocolError` for an invalid target or option. */
  constructor(target: string | URL | DoveadmTarget, options: DoveadmOptions) {
    const { address, security, password: passwordOfTarget } = resolveTarget(target);
    const { password = passwordOfTarget } = options;
    const { maxConnections = 10, starttls, idleTimeout = 30_000 } = options;
    const { timeout = defaultTimeout, connectTimeout = 0, handshakeTimeout = 0 } = options;
    if (!(maxConnections >= 1)) {
      throw new LocalProtocolError(
        `"maxConnections" is ${maxConnections}. Set it to a number from 1 on.`,
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

  send(request: DoveadmRequest, options: SendOptions): Promise<DoveadmResult> {
    return this.#use(request, options, (connection, rest) => succeed(connection, request, rest));
  }

  async *stream(
    request: DoveadmRequest,
    options: SendOptions,
  ): AsyncGenerator<StreamedField, void, void> {
    const connection = await this.#pool.open(request.name, options);
    try {
      yield* connection.stream(request, options);
    } finally {
      await this.#pool.release(connection);
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Runs a call, for each user in turn if it has several. */
  async runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    if (call.users === undefined) return await this.#runFor(call.user, call, options);
    const names = await this.#namesOf(call.users, options);
    const found = rowsOfUsers(names, (user) => this.#runFor(user, call, options));
    return await allRows(call, found, this.#limits);
  }

  /** Runs a call and yields its rows as they arrive, user after user if it has several. */
  async *rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<Row, void, void> {
    if (call.users === undefined) return yield* this.#rowsFor(call.user, call, options);
    const names = await this.#namesOf(call.users, options);
    yield* rowsOfUsers(names, (user) => this.#rowsFor(user, call, options));
  }

  /** Runs several calls, concurrently as far as possible. */
  runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]> {
    return Promise.allSettled(calls.map((call) => this.runCall(call, options)));
  }

  /** Runs a call for one user or without a user. */
  #runFor(user: string | undefined, call: TypedCall, options: SendOptions): Promise<Row[]> {
    const { info: { name }, input } = call;
    return this.#use({ name, input }, options, async (connection, rest) => {
      const version = versionOf(connection.minor);
      const request = { name, user, args: call.argumentsFor(version), input };
      const { rawFields } = await succeed(connection, request, rest);
      return rowsOfReply(call, rawFields, { version, limits: this.#limits });
    });
  }

  /** Runs a call for one user or without a user, and yields its rows as they arrive. */
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

  /** Servers of 2.3 leave it to the client to look up the users. */
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

  /** Runs an operation with a connection that suits a command. */
  #use<Result>(
    { name, input }: { readonly name: string; readonly input?: Input },
    options: SendOptions,
    run: (connection: DoveadmConnection, options: SendOptions) => Promise<Result>,
  ): Promise<Result> {
    const isShared = sharesConnection(name) && (input === undefined || isWhole(input));
    return this.#pool.use({ name, isShared, options, run });
  }
}

/** Sends a command; rejects with a `CommandError` if it failed. */
async function succeed(
  connection: DoveadmConnection,
  request: DoveadmRequest,
  options: SendOptions,
): Promise<DoveadmResult> {
  const answer = await connection.send(request, options);
  if (answer.ok) return answer;
  // The server reads refused input as commands: the connection is not used again.
  if (request.input !== undefined) void connection.close();
  throw new CommandError(request.name, answer, answer.log);
}
