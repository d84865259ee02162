/**
 * Runs calls over HTTP.
 *
 * @module
 */

import { decodeUtf8 } from "../../core/mod.ts";
import { checkOptions } from "../../core/option_checks.ts";
import { defaultTimeout, timeLimit } from "../../transports/timers.ts";
import type { CallRunner } from "../client/call_runner.ts";
import { FieldQueue, StreamedField } from "../client/field_stream.ts";
import { checkPlaintext, isOverNetwork } from "../client/plaintext.ts";
import type { DoveadmRequest, DoveadmResult, SendOptions } from "../client/request.ts";
import type { Row, TypedCall } from "../client/typed_call.ts";
import { type UserSource, widthFor } from "../client/user_requests.ts";
import { HttpApi } from "./api.ts";
import { Batch, type BatchedCall, mostInOneRequest } from "./batch.ts";
import { CallDeadline } from "./call_deadline.ts";
import { type HttpMethod, listCommands } from "./command_list.ts";
import type { DoveadmHttpOptions } from "./doveadm_http_options.ts";
import { HttpEndpoint } from "./endpoint.ts";
import { exchange } from "./exchange.ts";
import { inputParameter } from "./input_parameter.ts";
import { commandOfRequest } from "./positional_request.ts";
import { fieldsOf, repeatedKeys } from "./raw_fields.ts";
import type { HttpValue } from "./request_body.ts";
import { JsonRows } from "./json_rows.ts";
import { ServerVersion } from "./server_version.ts";
import { resolveHttpTarget } from "./target.ts";
import { answersOfUsers } from "./user_answers.ts";

/** Runs calls over HTTP. */
export class HttpCalls implements CallRunner {
  readonly #api: HttpApi;
  readonly #version: ServerVersion;
  readonly #timeout: number;
  readonly #closing = new AbortController();

  /** Throws a `LocalProtocolError` for an invalid target or option. */
  constructor(target: string | URL, options: DoveadmHttpOptions) {
    checkOptions(options, {
      functions: ["fetch"],
      objects: ["limits"],
      booleans: ["allowPlaintextPassword"],
      texts: ["username", "password", "apiKey"],
    });
    const { apiKey, timeout = defaultTimeout } = options;
    const { url, ...inUrl } = resolveHttpTarget(target);
    const username = options.username ?? inUrl.username;
    const password = options.password ?? inUrl.password;
    this.#timeout = timeLimit("timeout", timeout);
    this.#api = new HttpApi(new HttpEndpoint({ url, username, password, apiKey }), options);
    this.#version = new ServerVersion(this.#api);
    if (password !== undefined || apiKey !== undefined) {
      checkPlaintext(apiKey === undefined ? "password" : "key", {
        peer: this.peer,
        isExposed: url.protocol !== "https:" && isOverNetwork(url.hostname),
        isAllowed: options.allowPlaintextPassword,
        howToEncrypt: 'Use "https://" (a listener with "ssl = yes").',
      });
    }
  }

  get peer(): string {
    return this.#api.endpoint.peer;
  }

  /** The commands that the server offers. */
  async commands(options: SendOptions): Promise<readonly HttpMethod[]> {
    const deadline = this.#deadline(options);
    try {
      return await listCommands(this.#api, deadline);
    } finally {
      deadline.stop();
    }
  }

  /** Requests the list of commands, for which the server checks the password. */
  async ready(options: SendOptions): Promise<void> {
    await this.commands(options);
  }

  /** Requests the list of commands. */
  async ping(options: SendOptions): Promise<void> {
    await this.commands(options);
  }

  /** Calls a command by its name in the API. */
  async call(
    method: string,
    parameters: Readonly<Record<string, HttpValue | undefined>>,
    options: SendOptions,
  ): Promise<unknown> {
    const deadline = this.#deadline(options);
    try {
      const rows: unknown[] = [];
      let value: unknown;
      for await (const events of exchange(this.#api, [{ method, parameters }], deadline)) {
        for (const event of events) {
          if (event.type === "failure") throw event.error;
          if (event.type === "row") rows.push(event.row);
          else value = event.value;
        }
      }
      return value ?? rows;
    } finally {
      deadline.stop();
    }
  }

  /** Runs a command and returns the server's answer as over TCP: fields, row by row. */
  async send(request: DoveadmRequest, options: SendOptions): Promise<DoveadmResult> {
    const rawFields: Uint8Array[] = [];
    for await (const field of this.#fields(request, options, false)) rawFields.push(field);
    return {
      ...{ type: "reply", id: 0, ok: true, detail: "", log: [] },
      ...{ rawFields, fields: rawFields.map(decodeUtf8) },
    };
  }

  async *stream(
    request: DoveadmRequest,
    options: SendOptions,
  ): AsyncGenerator<StreamedField, void, void> {
    for await (const chunk of this.#fields(request, options, true)) {
      const queue = new FieldQueue();
      void queue.add(chunk, true);
      queue.end({});
      yield new StreamedField(queue);
    }
  }

  /** Aborts all requests. */
  close(): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  async runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const some of this.#rows(call, options, false)) {
      for (const row of some) rows.push(row);
    }
    return rows;
  }

  rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<readonly Row[], void, void> {
    return this.#rows(call, options, true);
  }

  /** Runs several calls in as few requests as possible, one request after the other. */
  async runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]> {
    const outcomes: PromiseSettledResult<Row[]>[] = [];
    const deadline = this.#deadline(options);
    let batch = new Batch();
    const send = async () => {
      await this.#runBatch(batch, deadline, outcomes);
      batch = new Batch();
    };
    for (const [index, call] of calls.entries()) {
      try {
        const prepared = { index, ...await this.#prepare(call, deadline, false) };
        if (batch.add(prepared, call.info)) continue;
        await send();
        batch.add(prepared, call.info);
      } catch (reason) {
        outcomes[index] = { status: "rejected", reason };
      }
    }
    await send();
    deadline.stop();
    return outcomes;
  }

  async #runBatch(
    { calls }: Batch,
    deadline: CallDeadline,
    outcomes: PromiseSettledResult<Row[]>[],
  ): Promise<void> {
    if (calls.length === 0) return;
    const commands = calls.map(({ command }) => command);
    const rows = calls.map((): Row[] => []);
    try {
      for await (const events of exchange(this.#api, commands, deadline)) {
        for (const event of events) {
          const { index, reader } = calls[event.command];
          if (event.type === "failure") {
            outcomes[index] = { status: "rejected", reason: event.error };
            continue;
          }
          try {
            for (const row of reader.rowsOf(event)) rows[event.command].push(row);
          } catch (reason) {
            // An invalid row of one command does not affect the others.
            outcomes[index] ??= { status: "rejected", reason };
          }
          if (event.type === "end") {
            outcomes[index] ??= { status: "fulfilled", value: rows[event.command] };
          }
        }
      }
    } catch (reason) {
      for (const { index } of calls) outcomes[index] ??= { status: "rejected", reason };
    }
  }

  async forUsers(
    call: TypedCall,
    isStream: boolean,
    options: SendOptions,
  ): Promise<UserSource> {
    const deadline = this.#deadline(options);
    try {
      const prepared = await this.#prepare(call, deadline, isStream);
      const mayRepeat = !call.info.changes || options.idempotent === true;
      return {
        width: widthFor(this.#api.maxConnections, isStream),
        // A request that breaks off loses the answers of all its commands.
        usersPerRequest: mayRepeat ? mostInOneRequest(prepared.command) : 1,
        limits: this.#api.limits,
        ask: (users, options) =>
          answersOfUsers(this.#api, { ...prepared, users }, this.#deadline(options, isStream)),
      };
    } finally {
      deadline.stop();
    }
  }

  async *#rows(
    call: TypedCall,
    options: SendOptions,
    isStream: boolean,
  ): AsyncGenerator<readonly Row[], void, void> {
    const deadline = this.#deadline(options, isStream);
    try {
      const { command, reader } = await this.#prepare(call, deadline, isStream);
      for await (const events of exchange(this.#api, [command], deadline)) {
        for (const event of events) {
          if (event.type === "failure") throw event.error;
          const rows = reader.rowsOf(event);
          if (rows.length > 0) yield rows;
          deadline.throwIfOver({ name: call.info.name, sent: true });
        }
      }
    } finally {
      deadline.stop();
    }
  }

  async *#fields(
    request: DoveadmRequest,
    options: SendOptions,
    isStream: boolean,
  ): AsyncGenerator<Uint8Array, void, void> {
    const deadline = this.#deadline(options, isStream);
    try {
      const command = await commandOfRequest(request, this.#version, deadline);
      const keys = repeatedKeys(command);
      for await (const events of exchange(this.#api, [command], deadline)) {
        for (const event of events) {
          if (event.type === "failure") throw event.error;
          for (const field of fieldsOf(event, keys)) yield field;
          deadline.throwIfOver({ name: request.name, sent: true });
        }
      }
    } finally {
      deadline.stop();
    }
  }

  /** The command for a call, and the reader of its rows. */
  async #prepare(call: TypedCall, deadline: CallDeadline, isStream: boolean): Promise<Prepared> {
    const { name, method } = call.info;
    // If versions don't differ, any that has the command will do.
    const version = call.dependsOnVersion ? await this.#version.get(name, deadline) : "2.4";
    const parameters = {
      ...call.parametersFor(version),
      ...await inputParameter(call.info, call.input, deadline),
    };
    const { endpoint, limits: { values } } = this.#api;
    const reader = new JsonRows(call, { version, endpoint, values, isStream });
    return { command: { name, method, parameters }, reader };
  }

  /** Starts the deadline of a call. */
  #deadline({ signal, timeout }: SendOptions, isStream = false): CallDeadline {
    return new CallDeadline({
      timeout: timeout === undefined ? this.#timeout : timeLimit("timeout", timeout),
      ...{ signal, isStream, closing: this.#closing.signal, peer: this.peer },
    });
  }
}

/** The command for a call, and the reader of its rows. */
type Prepared = Omit<BatchedCall, "index">;
