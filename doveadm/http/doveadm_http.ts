/**
 * The client for Dovecot's HTTP API.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../../core/mod.ts";
import { DoveadmClient } from "../client/doveadm_client.ts";
import type { CommandError } from "../client/command_error.ts";
import { AbortError, ConnectionLostError } from "../../core/errors.ts";
import { FieldQueue, StreamedField } from "../client/field_stream.ts";
import { Batch, CallAnswer, commandOf, commandsPerRequest, namesOf } from "./batch.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { peerOf } from "./endpoint.ts";
import {
  exchange,
  type ExchangeOptions,
  type HttpCommand,
  type HttpEvent,
  type HttpLimits,
  type HttpMethod,
  type HttpValue,
  listCommands,
} from "./exchange.ts";
import { commandOfRequest } from "./request.ts";
import { resolveHttpTarget } from "./target.ts";
import { HttpVersion } from "./version.ts";
import { Patience } from "../client/patience.ts";
import { defaultTimeout } from "../../transports/timers.ts";
import { checkPlaintext, isOverNetwork } from "../client/plaintext.ts";
import type { DoveadmRequest, DoveadmResult, SendOptions } from "../client/request.ts";
import { type Row, type TypedCall, withUser } from "../client/typed_call.ts";
import type { ValueOptions } from "../client/values.ts";

/** What a {@linkcode DoveadmHttp} can be told. */
export interface DoveadmHttpOptions extends ValueOptions {
  /** Dovecot's `doveadm_password`. */
  password?: string;
  /** The name that goes with the password; "doveadm" if left out, the only one that Dovecot takes. */
  username?: string;
  /** Dovecot's `doveadm_api_key`; where there is one, the password is not sent. */
  apiKey?: string;
  /**
   * Lets the password or the key go in clear over a network, with `http://`. Without this it only does
   * over loopback.
   */
  allowPlaintextPassword?: boolean;
  /** What to send requests with; the runtime's own `fetch` if left out. */
  fetch?: typeof fetch;
  /** How long a request may take where it doesn't say itself, in ms; 60 s if left out, 0 for ever. */
  timeout?: number;
  /** What a server may send. */
  limits?: HttpLimits;
}

/**
 * A doveadm server behind its HTTP API (`POST /doveadm/v1`): an `inet_listener` that is named "http".
 *
 * The same calls give the same rows as over TCP, as far as HTTP carries them:
 *
 * - There are no log lines, and a command that fails loses the rows that it had.
 * - ASCII comes back as it is at any length, with NUL, CR, TAB and other control characters; so does
 *   all UTF-8 in values of up to 8 KiB. Each byte that isn't UTF-8 becomes a U+FFFD and is lost.
 * - The text of a mail goes through a buffer of 8 KiB. Where a character lies across its end, Dovecot
 *   2.3.19.1 gives several U+FFFD in its place, and 2.4.1 crashes, so that no answer comes and the call
 *   rejects with a `ConnectionLostError`. Fetch mail that isn't ASCII over TCP.
 * - A request may have 1 MiB (2.3), or strings of 32 KiB (2.4). Inputs have to be UTF-8 without NUL.
 * - A field that is asked for twice is there once, and numbers of `stats dump` have lost the zeros at
 *   their ends.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire";
 *
 * await using doveadm = connect("http://127.0.0.1:8080", { password: "s3cret" });
 * const [{ mailbox }] = await doveadm.run("mailbox list", { user: "alice" });
 * console.log(mailbox);
 * ```
 */
export class DoveadmHttp extends DoveadmClient {
  #endpoint: HttpEndpoint;
  #options: DoveadmHttpOptions;
  #closing = new AbortController();
  #version = new HttpVersion((signal) => this.commands({ signal }));

  /** Makes one, as `connect()` does for a URL that begins with "http". */
  constructor(target: string | URL, options: DoveadmHttpOptions = {}) {
    super(options);
    const { url, username, password } = resolveHttpTarget(target);
    this.#options = options;
    this.#endpoint = {
      url,
      username: options.username ?? username,
      password: options.password ?? password,
      apiKey: options.apiKey,
      fetch: options.fetch ?? fetch,
    };
    if (this.#endpoint.password !== undefined || options.apiKey !== undefined) {
      checkPlaintext(options.apiKey === undefined ? "password" : "key", {
        peer: this.peer,
        isExposed: url.protocol !== "https:" && isOverNetwork(url.hostname),
        isAllowed: options.allowPlaintextPassword,
        howToEncrypt: 'Use "https://" (a listener with "ssl = yes").',
      });
    }
  }

  /** Who is at the other end, for messages: the API's URL. */
  override get peer(): string {
    return peerOf(this.#endpoint);
  }

  /** The commands that the server offers and their parameters, by their names in the API. */
  async commands(options: SendOptions = {}): Promise<readonly HttpMethod[]> {
    return await this.#told(() => listCommands(this.#endpoint, this.#exchangeOptions(options)));
  }

  /**
   * Calls a command by its name in the API, without a look at the catalogue, and gives what the
   * server answered as it is in JSON: an array of rows, or an object for `user`.
   *
   * Rejects with what {@linkcode DoveadmClient.run} rejects with.
   */
  async call(
    method: string,
    parameters: Readonly<Record<string, HttpValue | undefined>> = {},
    options: SendOptions = {},
  ): Promise<unknown> {
    const rows: unknown[] = [];
    let value: unknown;
    for await (const event of this.#events([{ method, parameters }], options)) {
      if (event.type === "failure") throw event.error;
      if (event.type === "row") rows.push(event.row);
      else value = event.value;
    }
    return value ?? rows;
  }

  /**
   * Runs a command and gives what the server answered as over TCP: fields, row behind row.
   *
   * The API knows parameters by their names alone, so that the catalogue has to tell what the
   * arguments are: a command that it doesn't have goes through {@linkcode call}.
   */
  override async send(request: DoveadmRequest, options: SendOptions = {}): Promise<DoveadmResult> {
    const rawFields: Uint8Array[] = [];
    for await (const field of this.#fields(request, options)) rawFields.push(field);
    return {
      ...{ type: "reply", id: 0, ok: true, detail: "", log: [] },
      ...{ rawFields, fields: rawFields.map(decodeUtf8) },
    };
  }

  /** Runs a command and gives its values as they arrive, read no faster than they are taken. */
  override async *stream(
    request: DoveadmRequest,
    options: SendOptions = {},
  ): AsyncGenerator<StreamedField, void, void> {
    for await (const chunk of this.#fields(request, options, true)) {
      const queue = new FieldQueue();
      void queue.add(chunk, true);
      queue.end({});
      yield new StreamedField(queue);
    }
  }

  /** Gives up on all requests. One that is under way gets a `ConnectionLostError`. */
  override close(): Promise<void> {
    this.#closing.abort(new ConnectionLostError(`The client of ${this.peer} was closed.`));
    return Promise.resolve();
  }

  /**
   * Runs a call.
   *
   * @internal
   */
  protected override async runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const row of this.#rows(call, options, false)) rows.push(row);
    return rows;
  }

  /**
   * Runs a call and gives its rows as they arrive.
   *
   * @internal
   */
  protected override rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<Row, void, void> {
    return this.#rows(call, options, true);
  }

  /**
   * Runs several calls in as few requests as they fit in, and tells what became of each.
   *
   * @internal
   */
  protected override async runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]> {
    const outcomes: PromiseSettledResult<Row[]>[] = [];
    let batch = new Batch();
    const send = async () => {
      await this.#runBatch(batch, options, outcomes);
      batch = new Batch();
    };
    for (const [index, call] of calls.entries()) {
      try {
        if (namesOf(call) !== undefined) {
          await send();
          outcomes[index] = { status: "fulfilled", value: await this.runCall(call, options) };
          continue;
        }
        const prepared = { index, ...await this.#prepare(call, options) };
        if (batch.add(prepared, call.info)) continue;
        await send();
        batch.add(prepared, call.info);
      } catch (reason) {
        outcomes[index] = { status: "rejected", reason };
      }
    }
    await send();
    return outcomes;
  }

  async #runBatch(
    { calls }: Batch,
    options: SendOptions,
    outcomes: PromiseSettledResult<Row[]>[],
  ): Promise<void> {
    if (calls.length === 0) return;
    const rows = calls.map((): Row[] => []);
    try {
      for await (const event of this.#events(calls.map(({ command }) => command), options)) {
        const { index, answer } = calls[event.command];
        if (event.type === "failure") {
          outcomes[index] = { status: "rejected", reason: event.error };
          continue;
        }
        try {
          rows[event.command].push(...answer.rowsOf(event));
        } catch (reason) {
          // What one command's rows are like says nothing of the others.
          outcomes[index] ??= { status: "rejected", reason };
        }
        if (event.type === "end") {
          outcomes[index] ??= { status: "fulfilled", value: rows[event.command] };
        }
      }
    } catch (reason) {
      for (const { index } of calls) outcomes[index] ??= { status: "rejected", reason };
    }
  }

  async *#rows(
    call: TypedCall,
    options: SendOptions,
    isStream: boolean,
  ): AsyncGenerator<Row, void, void> {
    const { command, answer } = await this.#prepare(call, options);
    const names = namesOf(call);
    if (names !== undefined) {
      yield* this.#rowsOfNames(names, { command, answer }, options, isStream);
      return;
    }
    for await (const event of this.#events([command], options, isStream)) {
      if (event.type === "failure") throw event.error;
      yield* answer.rowsOf(event);
    }
  }

  /**
   * The rows of a list of users, each of whom has a command of their own: Dovecot 2.3 takes the list,
   * and finds nobody in it. As Dovecot does it, a user who isn't there is left out, and another
   * failure is thrown when all have had their turn.
   */
  async *#rowsOfNames(
    names: readonly string[],
    { command, answer }: Prepared,
    options: SendOptions,
    isStream: boolean,
  ): AsyncGenerator<Row, void, void> {
    let failure: CommandError | undefined;
    for (let from = 0; from < names.length; from += commandsPerRequest) {
      const some = names.slice(from, from + commandsPerRequest);
      const commands = some.map((user) => ({
        ...command,
        parameters: { ...command.parameters, userFile: undefined, user },
      }));
      for await (const event of this.#events(commands, options, isStream)) {
        if (event.type !== "failure") {
          for (const row of answer.rowsOf(event)) yield withUser(some[event.command], row);
        } else if (event.error.code !== "NOUSER") {
          failure ??= event.error;
        }
      }
    }
    if (failure !== undefined) throw failure;
  }

  async *#fields(
    request: DoveadmRequest,
    options: SendOptions,
    isStream = false,
  ): AsyncGenerator<Uint8Array, void, void> {
    const command = await this.#commandFor(request, options);
    for await (const event of this.#events([command], options, isStream)) {
      if (event.type === "failure") throw event.error;
      if (event.type === "row") {
        for (const value of Object.values(event.row)) yield encodeUtf8(String(value ?? ""));
      } else if (event.value !== undefined) {
        yield encodeUtf8(JSON.stringify(event.value));
      }
    }
  }

  /** What comes of commands, until the client is closed. */
  async *#events(
    commands: readonly HttpCommand[],
    options: SendOptions,
    isStream = false,
  ): AsyncGenerator<HttpEvent, void, void> {
    const events = exchange(this.#endpoint, commands, {
      ...this.#exchangeOptions(options),
      isStream,
    });
    try {
      for (;;) {
        const { done, value } = await this.#told(() => events.next());
        if (done) return;
        yield value;
      }
    } finally {
      await events.return();
    }
  }

  #exchangeOptions({ signal, timeout }: SendOptions): ExchangeOptions {
    const { timeout: usual, limits } = this.#options;
    const closing = this.#closing.signal;
    return {
      ...(timeout === undefined && usual === undefined ? {} : { timeout: timeout ?? usual }),
      signal: signal === undefined ? closing : AbortSignal.any([signal, closing]),
      limits,
    };
  }

  /** Tells a client that was closed from a caller that gave up. */
  async #told<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof AbortError) || !this.#closing.signal.aborted) throw error;
      const { message } = this.#closing.signal.reason;
      throw new ConnectionLostError(message, { sent: error.sent });
    }
  }

  /** What to send for a call. */
  #prepare(call: TypedCall, options: SendOptions): Promise<Prepared> {
    return this.#patiently(call.info.name, options, async (signal) => {
      // Where versions don't differ, any that has the command will do.
      const version = call.dependsOnVersion ? await this.#version.get(signal) : "2.4";
      return { command: await commandOf(call, version), answer: new CallAnswer(call, version) };
    });
  }

  /** Does what comes ahead of a request, unless the caller gives up meanwhile, or the client is closed. */
  async #patiently<T>(
    name: string,
    { signal, timeout = this.#options.timeout ?? defaultTimeout }: SendOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const patience = new Patience(name, { signal, timeout, closing: this.#closing.signal });
    let giveUp = () => {};
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = () => reject(patience.signal.reason);
      patience.signal.addEventListener("abort", giveUp);
    });
    try {
      patience.signal.throwIfAborted();
      return await Promise.race([work(patience.signal), givenUp]);
    } finally {
      patience.signal.removeEventListener("abort", giveUp);
      patience.end();
    }
  }

  /** What to send for a request whose parameters are arguments. */
  async #commandFor(request: DoveadmRequest, options: SendOptions): Promise<HttpCommand> {
    return await this.#patiently(
      request.name,
      options,
      (signal) => commandOfRequest(request, () => this.#version.get(signal)),
    );
  }
}

/** What a call is to the server, and how to read what comes of it. */
interface Prepared {
  readonly command: HttpCommand;
  readonly answer: CallAnswer;
}
