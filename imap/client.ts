/**
 * A client of an IMAP server, for commands that mail clients don't know.
 *
 * @module
 */

import {
  AbortError,
  ConnectionLostError,
  type DovewireError,
  RemoteProtocolError,
} from "../core/mod.ts";
import {
  type ClientFields,
  type ImapAnswerEvent,
  type ImapArgument,
  type ImapClientEvent,
  ImapClientProtocol,
  type ImapUntagged,
} from "../core/imap/mod.ts";
import { checkOptions } from "../core/option_checks.ts";
import { callListener, Driver } from "../transports/mod.ts";
import { checkTlsOptions, checkTransport } from "../transports/address_checks.ts";
import { abortError, Deadline, onAbort, timeLimit } from "../transports/timers.ts";
import type { Transport } from "../transports/transport.ts";
import { openImapTransport } from "./client_connect.ts";
import {
  closedError,
  handshakeError,
  handshakeTimeoutError,
  ImapCommandError,
  type ImapEnd,
  isRefusal,
  silenceError,
  timeoutError,
  unansweredError,
} from "./client_errors.ts";
import { idArguments, idFieldsIn } from "./client_id.ts";
import { checkLoginOptions, logIn } from "./client_login.ts";
import type {
  ImapClientOptions,
  ImapCommandOptions,
  ImapConnectOptions,
  ImapResult,
  ImapTarget,
  LongResponse,
} from "./client_options.ts";
import { LongCommand } from "./client_long_command.ts";
import { type ClientSettings, settingsOf } from "./client_settings.ts";
import { sizeOf } from "./response_size.ts";

/** A command without an answer. */
interface Pending {
  readonly id: number;
  readonly name: string;
  /** Its time limit. */
  readonly deadline: { stop(): void };
  /** The responses for the command's result. */
  readonly responses: ImapUntagged[];
  size: number;
  /** Takes the responses of a long-running command. */
  readonly long: LongCommand | undefined;
  /** Takes the answer; `undefined` for a command that was taken back before it was sent. */
  readonly resolve: (answer: ImapAnswerEvent | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** How to send a command; see `#begin`. */
interface Sending {
  readonly send: (protocol: ImapClientProtocol) => number;
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  readonly isLong?: boolean;
}

/**
 * One connection to an IMAP server: for commands of one's own, ID and IDLE. It is no mail client: it returns
 * what the server says, and gives no meaning to mail.
 *
 * Commands run one at a time, in the order in which they are called; a later one waits, also for the end of
 * a long-running one.
 *
 * @example
 * ```ts
 * import { continuation, defineCommand, ImapClient, ok, serve } from "@dovewire/dovewire/imap";
 * import { memoryListener } from "@dovewire/dovewire/transports/memory";
 * import assert from "node:assert/strict";
 *
 * // A server in this program. At a real one, leave out the connector.
 * const { listener, connect } = memoryListener();
 * await using server = serve(listener, {
 *   authenticate: ({ user, password }) => password === "s3cret" ? user : undefined,
 *   commands: [
 *     defineCommand({ name: "XWATCH", isLongRunning: true }, async function* (_, __, { done }) {
 *       yield continuation("watching");
 *       await done;
 *       return ok("Enough.");
 *     }),
 *   ],
 * });
 *
 * await using client = await ImapClient.connect({ hostname: "mail.example.org" }, {
 *   username: "alice",
 *   password: "s3cret",
 *   connector: connect,
 * });
 * assert.equal((await client.id())?.get("name"), "dovewire");
 * for await (const response of client.longCommand("XWATCH")) {
 *   assert.deepEqual(response, { type: "continuation", text: "watching" });
 *   // Leaving the loop sends DONE.
 *   break;
 * }
 * ```
 */
export class ImapClient implements AsyncDisposable {
  /** The other end, for messages. */
  readonly peer: string;
  #options: ImapClientOptions;
  #protocol: ImapClientProtocol;
  #driver: Driver<ImapClientEvent>;
  #settings: ClientSettings;
  #pending = new Map<number, Pending>();
  #greeting: Promise<boolean>;
  #endGreeting!: (end: { isAuthenticated: boolean } | { error: Error }) => void;
  /** Why this side closes the connection; `undefined` if it doesn't. */
  #reason: DovewireError | undefined;
  /** The error that the connection ended with otherwise. */
  #failure: unknown;
  #bye: string | undefined;
  #ended = false;
  #running: Promise<void>;

  private constructor(transport: Transport, options: ImapClientOptions) {
    checkOptions(options, {
      functions: ["onResponse"],
      objects: ["tls"],
      booleans: ["allowPlaintextPassword"],
      texts: ["username", "password", "authzid"],
    });
    checkTlsOptions(options.tls);
    this.peer = transport.peer;
    this.#settings = settingsOf(options);
    checkLoginOptions(options, transport);
    this.#options = options;
    this.#protocol = new ImapClientProtocol(options);
    this.#driver = new Driver(this.#protocol, transport, {
      onEvent: (event) => this.#onEvent(event),
      tls: options.tls,
    });
    this.#greeting = new Promise((resolve, reject) => {
      this.#endGreeting = (end) =>
        "error" in end ? reject(end.error) : resolve(end.isAuthenticated);
    });
    // It is awaited only by the login.
    this.#greeting.catch(() => {});
    this.#running = this.#run();
  }

  /**
   * Connects to a server and logs in.
   *
   * Rejects with a `ConnectError`, a `TimeoutError` or an `AbortError` if that fails, and with what {@linkcode
   * ImapClient.open} rejects with.
   */
  static async connect(target: ImapTarget, options: ImapConnectOptions = {}): Promise<ImapClient> {
    const { transport, tls } = await openImapTransport(target, options);
    return await ImapClient.open(transport, { ...options, tls });
  }

  /**
   * Logs in over a transport, which belongs to the client from here on.
   *
   * On failure it closes the transport and rejects with an `AuthenticationError`, a `ConnectError` (without
   * STARTTLS), a `TimeoutError`, a `ConnectionLostError`, a `RemoteProtocolError`, an `AbortError` or, for bad
   * options, a `LocalProtocolError`.
   */
  static async open(transport: Transport, options: ImapClientOptions = {}): Promise<ImapClient> {
    checkTransport(transport);
    let client: ImapClient;
    try {
      client = new ImapClient(transport, options);
    } catch (error) {
      await transport.close();
      throw error;
    }
    await client.#shakeHands();
    return client;
  }

  /** The server's capabilities, as it last listed them. */
  get capabilities(): readonly string[] {
    return this.#protocol.capabilities ?? [];
  }

  /** Whether the server has a capability, which is named in any case. */
  hasCapability(name: string): boolean {
    return this.#protocol.hasCapability(name);
  }

  /** Whether commands can be sent. */
  get isOpen(): boolean {
    return !this.#ended && this.#reason === undefined && this.#protocol.isOpen;
  }

  /** Resolves when the connection is closed and every command has its answer or error. */
  get closed(): Promise<void> {
    return this.#running;
  }

  /**
   * Runs a command: `command("SELECT", ["INBOX"])`, `command("UID FETCH", [atom("1:*"), [atom("FLAGS")]])`.
   *
   * Rejects with an {@linkcode ImapCommandError} if the server answers NO or BAD, with a
   * `LocalProtocolError` for an invalid command, and with a `ConnectionLostError`, `RemoteProtocolError`,
   * `TimeoutError` or `AbortError` if there is no answer. Each has a `sent` flag: whether the command may have
   * run. A signal or time limit closes the connection, unless the command wasn't sent yet.
   */
  async command(
    name: string,
    args: readonly ImapArgument[] = [],
    options: ImapCommandOptions = {},
  ): Promise<ImapResult> {
    checkOptions(options);
    const send = (protocol: ImapClientProtocol) =>
      protocol.send({ name, args, isLongRunning: false });
    const { answer, pending } = this.#begin(name, { ...options, send });
    return resultOf(pending, (await answer)!);
  }

  /**
   * Says by ID who this client is, and resolves to what the server says of itself (RFC 2971); `undefined` for
   * NIL. Rejects as {@linkcode command} does.
   */
  async id(
    fields?: Readonly<Record<string, string>>,
    options: ImapCommandOptions = {},
  ): Promise<ClientFields | undefined> {
    const { responses } = await this.command("ID", idArguments(fields), options);
    return idFieldsIn(responses);
  }

  /**
   * Runs a long-running command, and yields the untagged responses as they come, and the server's
   * continuation where it comes. They are read no faster than they are taken.
   *
   * Leaving the loop, and the signal, end the command with DONE. After the signal the loop goes on until the
   * server has answered; leaving the loop waits for the answer and drops it. The loop ends when the server
   * has answered OK, and returns the answer; `undefined` if nothing was sent. For NO and BAD it throws an
   * {@linkcode ImapCommandError}, and otherwise as {@linkcode command} does. `timeout` limits the time up to
   * the continuation, and the time from DONE to the answer.
   */
  async *longCommand(
    name: string,
    args: readonly ImapArgument[] = [],
    options: ImapCommandOptions = {},
  ): AsyncGenerator<LongResponse, ImapResult | undefined, void> {
    checkOptions(options);
    const { signal, timeout } = options;
    if (signal?.aborted) return undefined;
    const send = (protocol: ImapClientProtocol) =>
      protocol.send({ name, args, isLongRunning: true });
    const { answer, pending } = this.#begin(name, { timeout, send, isLong: true });
    const long = pending.long!;
    // It is awaited only after the responses.
    answer.catch(() => {});
    const forget = signal === undefined ? () => {} : onAbort(signal, () => this.#endLong(pending));
    try {
      yield* long.responses();
      const end = await answer;
      return end && resultOf(pending, end);
    } finally {
      forget();
      if (this.#pending.has(pending.id)) {
        long.discard();
        this.#endLong(pending);
      }
      await answer.catch(() => {});
    }
  }

  /** Waits for news by IDLE (RFC 2177), as {@linkcode longCommand} does. */
  idle(options: ImapCommandOptions = {}): AsyncGenerator<LongResponse, ImapResult | undefined> {
    return this.longCommand("IDLE", [], options);
  }

  /** Logs out, and closes the connection. Rejects as {@linkcode command} does. */
  async logout(options: ImapCommandOptions = {}): Promise<void> {
    await this.command("LOGOUT", [], options);
    await this.close();
  }

  /** Closes the connection; a command without an answer gets a `ConnectionLostError`. */
  async close(): Promise<void> {
    await this.#end(
      new ConnectionLostError(`The connection to ${this.peer} was closed on this side.`),
    );
  }

  /** Closes the connection, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shakeHands(): Promise<void> {
    const deadline = new Deadline({
      timeout: this.#settings.handshakeTimeout,
      signals: [this.#options.signal],
      errorOf: (aborted) =>
        aborted === undefined
          ? handshakeTimeoutError(this.peer, this.#settings.handshakeTimeout)
          : new AbortError(`The login to ${this.peer} was aborted.`, { cause: aborted.reason }),
      onEnd: (error) => void this.#end(error as DovewireError),
    });
    try {
      await logIn({
        peer: this.peer,
        protocol: this.#protocol,
        greeting: this.#greeting,
        ask: async (name, send) => (await this.#begin(name, { send, timeout: 0 }).answer)!,
      }, this.#options);
      // The signal may have aborted right after the login.
      if (deadline.error !== undefined) throw deadline.error;
    } catch (error) {
      const hasEnded = this.#ended || this.#reason !== undefined;
      await this.#driver.close();
      await this.#running;
      // A server that closes right after a refusal has said why.
      const isRefused = this.#reason === undefined && isRefusal(error);
      throw hasEnded && !isRefused ? handshakeError(this.peer, this.#howItEnded()) : error;
    } finally {
      deadline.stop();
    }
  }

  /** Sends a command. */
  #begin(
    name: string,
    { send, isLong = false, timeout, signal }: Sending,
  ): { readonly answer: Promise<ImapAnswerEvent | undefined>; readonly pending: Pending } {
    const limit = timeout === undefined ? this.#settings.timeout : timeLimit("timeout", timeout);
    if (signal?.aborted) throw abortError(name, signal, false);
    if (!this.isOpen) throw closedError(name, { peer: this.peer, ...this.#howItEnded() });
    const id = send(this.#protocol);
    const long = isLong ? this.#longCommand(() => pending, limit) : undefined;
    const deadline = long ?? new Deadline({
      timeout: limit,
      signals: [signal],
      errorOf: (aborted) => {
        const sent = this.#protocol.isSent(id);
        return aborted === undefined
          ? timeoutError(name, { peer: this.peer, timeout: limit, sent })
          : abortError(name, aborted, sent);
      },
      onEnd: (error) => this.#giveUp(pending, error as DovewireError),
    });
    let pending!: Pending;
    const answer = new Promise<ImapAnswerEvent | undefined>((resolve, reject) => {
      pending = { id, name, deadline, responses: [], size: 0, long, resolve, reject };
    });
    this.#pending.set(id, pending);
    void this.#driver.flush();
    return { answer, pending };
  }

  #longCommand(pending: () => Pending, timeout: number): LongCommand {
    return new LongCommand({
      timeout,
      silenceTimeout: this.#settings.silenceTimeout,
      onTimeout: (limit) => {
        const { id, name } = pending();
        const sent = this.#protocol.isSent(id);
        const error = limit === "timeout"
          ? timeoutError(name, { peer: this.peer, timeout, sent })
          : silenceError(name, this.peer, this.#settings.silenceTimeout);
        this.#giveUp(pending(), error);
      },
    });
  }

  /** Ends a long-running command; one that isn't sent yet never will be. */
  #endLong(pending: Pending): void {
    if (!this.#pending.has(pending.id)) return;
    if (this.#protocol.withdraw(pending.id)) {
      this.#settle(pending).resolve(undefined);
      return;
    }
    pending.long?.startEnding();
    this.#protocol.done(pending.id);
    void this.#driver.flush();
  }

  async #run(): Promise<void> {
    try {
      await this.#driver.run();
    } catch (error) {
      this.#failure = error;
    }
    this.#ended = true;
    const how = this.#howItEnded();
    this.#endGreeting({ error: handshakeError(this.peer, how) });
    for (const pending of [...this.#pending.values()]) {
      const sent = this.#protocol.isSent(pending.id);
      const error = unansweredError(pending.name, { peer: this.peer, sent, ...how });
      this.#settle(pending).reject(error);
    }
    this.#protocol.close();
  }

  #howItEnded(): ImapEnd {
    const failure = this.#protocol.failure ?? this.#failure;
    return { reason: this.#reason, failure, bye: this.#bye };
  }

  #onEvent(event: ImapClientEvent): void | Promise<void> {
    switch (event.type) {
      case "greeting":
        this.#endGreeting(event);
        return;
      case "response": {
        const { id, response } = event;
        const pending = id === undefined ? undefined : this.#pending.get(id);
        if (pending === undefined) callListener(this.#options.onResponse, response);
        else if (pending.long !== undefined) return pending.long.add(response);
        else this.#collect(pending, response);
        return;
      }
      case "continuation": {
        const { id, text } = event;
        return this.#pending.get(id)?.long?.add({ type: "continuation", text });
      }
      case "answer": {
        const pending = this.#pending.get(event.id);
        if (pending !== undefined) this.#settle(pending).resolve(event);
        return;
      }
      case "bye":
        this.#bye = event.text;
        return;
      case "end":
        this.#ended = true;
    }
  }

  /** Adds a response to a command's result. */
  #collect(pending: Pending, response: ImapUntagged): void {
    pending.responses.push(response);
    pending.size += sizeOf(response);
    if (pending.size <= this.#settings.maxResponses) return;
    this.#giveUp(
      pending,
      new RemoteProtocolError(
        `The responses of ${this.peer} to "${pending.name}" take more than the ${this.#settings.maxResponses} bytes ` +
          'of "maxResponses".',
        { limit: "maxResponses", sent: true },
      ),
    );
  }

  /** Removes a command from the pending ones. */
  #settle(pending: Pending): Pending {
    this.#pending.delete(pending.id);
    pending.deadline.stop();
    return pending;
  }

  /** Ends a pending command, which ends the connection if it was sent. */
  #giveUp(pending: Pending, error: DovewireError): void {
    if (!this.#pending.has(pending.id)) return;
    this.#settle(pending).reject(error);
    if (!this.#protocol.withdraw(pending.id)) void this.#end(error);
  }

  async #end(reason: DovewireError): Promise<void> {
    if (!this.#ended) this.#reason ??= reason;
    // Whoever doesn't take responses doesn't hold up the end.
    for (const { long } of this.#pending.values()) long?.stop();
    await this.#driver.close();
    await this.#running;
  }
}

/** The result of a command, from its answer. Throws an {@linkcode ImapCommandError} for NO and BAD. */
function resultOf({ name, responses }: Pending, answer: ImapAnswerEvent): ImapResult {
  if (answer.status !== "OK") throw new ImapCommandError(name, answer);
  return { code: answer.code, text: answer.text, responses };
}
