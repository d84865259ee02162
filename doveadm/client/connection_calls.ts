/**
 * Runs calls over connections to a server: it opens them as needed and handles server quirks.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { connectionKind, versionOf } from "../../core/doveadm/catalogue/mod.ts";
import {
  defaultClientLimits,
  type DoveadmClientLimits,
} from "../../core/doveadm/client_options.ts";
import { DoveadmClientProtocol } from "../../core/doveadm/mod.ts";
import { defaultTimeout, timeLimit } from "../../transports/timers.ts";
import { peerName } from "../../transports/transport.ts";
import type { CallRunner } from "./call_runner.ts";
import { type HopOptions, userAtHop, withHop } from "./cluster/hop.ts";
import { escapedFieldsOf } from "./answer.ts";
import { CommandError } from "./command_error.ts";
import type { DoveadmConnection } from "./connection.ts";
import { checkConnectionOptions } from "./connection_options.ts";
import type { DoveadmOptions } from "./doveadm_options.ts";
import type { StreamedField } from "./field_stream.ts";
import { openConnection } from "./open_connection.ts";
import { checkPlaintext, isOverNetwork } from "./plaintext.ts";
import { ConnectionPool } from "./pool/connection_pool.ts";
import { checkPoolOptions } from "./pool/pool_options.ts";
import type { PoolStats } from "./pool/pool_stats.ts";
import { attendanceOf, type Work, workOf } from "./pool/work.ts";
import type {
  DoveadmAnswer,
  DoveadmRequest,
  DoveadmResult,
  FieldStreamOptions,
  SendOptions,
} from "./request.ts";
import { type Input, wholeInput } from "./input.ts";
import { RowReader } from "./row_reader.ts";
import { rowsOfJsonStream, rowsOfPieces, rowsOfReply } from "./rows.ts";
import { type DoveadmTarget, resolveTarget } from "./target.ts";
import type { Row, TypedCall } from "./typed_call.ts";
import { type UserAnswer, type UserSource, widthFor } from "./user_requests.ts";

/** A call for one user, or without a user. */
interface UserCall {
  readonly call: TypedCall;
  readonly user: string | undefined;
  readonly input: Input | undefined;
}

/** Runs calls over connections. */
export class ConnectionCalls implements CallRunner {
  readonly peer: string;
  #pool: ConnectionPool;
  #limits: DoveadmClientLimits;
  #maxConnections: number;

  /**
   * Throws a `LocalProtocolError` for an invalid target or option. `failsFast` is for one of several servers:
   * calls don't wait for it if it can't be reached.
   */
  constructor(
    target: string | URL | DoveadmTarget,
    options: DoveadmOptions,
    { failsFast = false }: { readonly failsFast?: boolean } = {},
  ) {
    checkConnectionOptions(options, { functions: ["onEvent", "connector"] });
    const { address, security, password: passwordOfTarget } = resolveTarget(target);
    const { password = passwordOfTarget } = options;
    const { starttls, timeout = defaultTimeout, connectTimeout = 0, handshakeTimeout = 0 } =
      options;
    if (starttls !== undefined && security === "tls") {
      throw new LocalProtocolError(
        'The target speaks TLS from the first byte, and has no use for "starttls". Leave it out.',
      );
    }
    for (const [name, value] of Object.entries({ timeout, connectTimeout, handshakeTimeout })) {
      timeLimit(name, value);
    }
    // Checked here since it would be too late when the first command needs a connection.
    new DoveadmClientProtocol({ ...options, ...(password === undefined ? {} : { password }) });
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
    const poolOptions = checkPoolOptions(options);
    this.#maxConnections = poolOptions.maxConnections;
    this.#pool = new ConnectionPool({
      ...poolOptions,
      ...{ open: (signal) => openConnection(how, signal), timeout, peer: this.peer },
      hasPassword: password !== undefined,
      failsFast,
    });
  }

  send(request: DoveadmRequest, options: HopOptions): Promise<DoveadmResult> {
    const work = workOf(request, options);
    return this.#pool.run(
      work,
      (connection, rest) => connection.send(withHop(request, options, connection), rest),
      (answer, connection) => succeeded(connection, request, answer),
    );
  }

  stream(
    request: DoveadmRequest,
    options: HopOptions & FieldStreamOptions,
  ): AsyncGenerator<StreamedField, void, void> {
    const work = workOf(request, options, true);
    const { reuseBuffer } = options;
    return this.#pool.stream(
      work,
      (connection, rest) =>
        connection.stream(withHop(request, options, connection), { ...rest, reuseBuffer }),
    );
  }

  async ready(options: SendOptions): Promise<void> {
    await this.#pool.ready(options);
  }

  async ping(options: SendOptions): Promise<void> {
    await this.#pool.ping(options);
  }

  /** The connections and calls at this moment. */
  stats(): PoolStats {
    return this.#pool.stats();
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    return this.#runFor({ call, user: call.user, input: call.input }, options);
  }

  rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<readonly Row[], void, void> {
    return this.#rowsFor({ call, user: call.user, input: call.input }, options);
  }

  /** Runs several calls, concurrently as far as possible. */
  runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]> {
    return Promise.allSettled(calls.map((call) => this.runCall(call, options)));
  }

  async forUsers(call: TypedCall, isStream: boolean): Promise<UserSource> {
    const input = await wholeInput(call.info.name, call.input);
    return {
      width: widthFor(this.#maxConnections, isStream),
      usersPerRequest: 1,
      limits: this.#limits,
      ask: ([user], options) => this.#ask({ call, user, input }, isStream, options),
    };
  }

  /** The answer of one of several users. */
  async *#ask(
    call: UserCall,
    isStream: boolean,
    options: SendOptions,
  ): AsyncGenerator<UserAnswer, void, void> {
    if (isStream) {
      for await (const rows of this.#rowsFor(call, options)) yield { type: "rows", user: 0, rows };
    } else yield { type: "rows", user: 0, rows: await this.#runFor(call, options) };
    yield { type: "end", user: 0 };
  }

  /** Runs a call for one user or without a user. */
  #runFor({ call, user, input }: UserCall, options: HopOptions): Promise<Row[]> {
    const { name } = call.info;
    const work = workOfCall({ call, user, input }, options);
    return this.#pool.run(
      work,
      (connection, rest) => {
        const args = call.argumentsFor(versionOf(connection.minor));
        const request = { name, user, args, input };
        return connection.send(withHop(request, options, connection), rest);
      },
      (answer, connection) => {
        const escaped = escapedFieldsOf(succeeded(connection, { name, input }, answer));
        const version = versionOf(connection.minor);
        return rowsOfReply(call, escaped, { version, limits: this.#limits });
      },
    );
  }

  /** Runs a call for one user or without a user, and yields its rows as they arrive. */
  #rowsFor(
    { call, user, input }: UserCall,
    options: HopOptions,
  ): AsyncGenerator<readonly Row[], void, void> {
    const { name } = call.info;
    const work = workOfCall({ call, user, input }, options, true);
    return this.#pool.stream(work, (connection, rest) => {
      const version = versionOf(connection.minor);
      const request = { name, user, args: call.argumentsFor(version), input };
      const sent = withHop(request, options, connection);
      if (call.info.answer === "json") {
        const fields = connection.stream(sent, { ...rest, valuesPerRow: 1 });
        return rowsOfJsonStream(call, fields, this.#limits);
      }
      const reader = new RowReader(call, { version, limits: this.#limits });
      const pieces = connection.pieces(sent, rest, (chunk) => reader.cut(chunk));
      return rowsOfPieces(reader, pieces);
    });
  }
}

/** What a call for one user, or without a user, needs. */
function workOfCall(
  { call, user, input }: UserCall,
  options: HopOptions,
  isStream = false,
): Work {
  return {
    name: call.info.name,
    user: userAtHop(user, options),
    options,
    attendance: attendanceOf(input, isStream),
    // What is given matters to no others.
    kindIn: (version) => connectionKind(call.info, call.info.alone ? call.given : [], version),
  };
}

/** The answer if the command succeeded; throws a `CommandError` if it failed. */
function succeeded(
  connection: DoveadmConnection,
  request: Pick<DoveadmRequest, "name" | "input">,
  answer: DoveadmAnswer,
): DoveadmResult {
  if (answer.ok) return answer;
  // The server reads refused input as commands: the connection is not used again.
  if (request.input !== undefined) void connection.close();
  throw new CommandError(request.name, answer, answer.log);
}
