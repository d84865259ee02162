/**
 * A single connection to a doveadm server: the low-level client.
 *
 * @module
 */

import { defaultClientLimits } from "../../core/doveadm/client_options.ts";
import type { DovewireError } from "../../core/mod.ts";
import { NumberedQueue } from "../../core/numbered_queue.ts";
import {
  type DoveadmClientEvent,
  DoveadmClientProtocol,
  type DoveadmCommand,
} from "../../core/doveadm/mod.ts";
import { checkTransport } from "../../transports/address_checks.ts";
import { callListener } from "../../transports/call_listener.ts";
import { Driver } from "../../transports/driver.ts";
import type { Transport } from "../../transports/transport.ts";
import { withDoveadmAlpn } from "../alpn.ts";
import { Alarm } from "./alarm.ts";
import { answerOf } from "./answer.ts";
import { CommandError } from "./command_error.ts";
import {
  checkConnectionOptions,
  checkStreamOptions,
  type DoveadmConnectionOptions,
  type StreamOptions,
} from "./connection_options.ts";
import { AbortError, ConnectionLostError, TimeoutError } from "../../core/errors.ts";
import { closedError, handshakeError, timeoutError, unansweredError } from "./failures.ts";
import { chunksOf, FieldQueue, fieldsOf, type StreamedField } from "./field_stream.ts";
import { type Input, piecesOf } from "./input.ts";
import {
  abortError,
  Deadline,
  defaultTimeout,
  onAbort,
  systemClock,
  timeLimit,
} from "../../transports/timers.ts";
import { type Cut, type Outcome, PendingCommand } from "./pending_command.ts";
import { checkPlaintext } from "./plaintext.ts";
import {
  checkRequest,
  type DoveadmAnswer,
  type DoveadmRequest,
  type SendOptions,
} from "./request.ts";

/** How many log lines are kept for each command. */
const logLinesKept = 100;

/**
 * One connection to a doveadm server.
 *
 * Commands run in the order in which they are sent, one at a time; any number may be pending. This class
 * does not handle server quirks: which commands can share a connection, and which ones end it. {@linkcode
 * Doveadm} does.
 *
 * @example
 * ```ts ignore
 * import { DoveadmConnection } from "@dovewire/dovewire";
 * import { connect } from "@dovewire/dovewire/transports/node";
 *
 * const transport = await connect({ transport: "unix", path: "/run/dovecot/doveadm-server" });
 * await using connection = await DoveadmConnection.open(transport);
 * const { ok, fields } = await connection.send({ name: "mailbox list", user: "alice" });
 * ```
 */
export class DoveadmConnection implements AsyncDisposable {
  /** Who is at the other end, for messages. */
  readonly peer: string;
  #protocol: DoveadmClientProtocol;
  #driver: Driver<DoveadmClientEvent>;
  #options: DoveadmConnectionOptions;
  #minor = 0;
  #preauthenticated = false;
  /** The commands without an answer, by the ids of their requests. */
  #pending = new NumberedQueue<PendingCommand>();
  #alarm = new Alarm(() => this.#endOverdue());
  #handshakeTimeout: number;
  /** Whether a command was sent whose caller got the reason why the connection ended. */
  #wasUsed = false;
  #inputTurn: Promise<void> = Promise.resolve();
  /** Who may refer to the last chunk: nobody, the stream of a command that reuses memory, or anybody else. */
  #chunkUse: "unused" | "kept" | PendingCommand = "unused";
  /** Why this side closes the connection; `undefined` if it doesn't. */
  #reason: DovewireError | undefined;
  /** The error that the connection ended with otherwise. */
  #failure: unknown;
  #ended = false;
  #handshake: Promise<void>;
  #endHandshake!: (error?: DovewireError) => void;
  #running: Promise<void>;

  private constructor(transport: Transport, options: DoveadmConnectionOptions) {
    checkConnectionOptions(options);
    const { handshakeTimeout = 10_000, timeout = defaultTimeout } = options;
    this.#handshakeTimeout = timeLimit("handshakeTimeout", handshakeTimeout);
    timeLimit("timeout", timeout);
    this.peer = transport.peer;
    this.#options = options;
    if (options.password !== undefined) {
      checkPlaintext("password", {
        peer: this.peer,
        isExposed: transport.isExposed === true && options.starttls === undefined,
        isAllowed: options.allowPlaintextPassword,
        howToEncrypt:
          'Connect with "tls" (to a listener with "ssl = yes"), or set starttls: "required".',
      });
    }
    this.#protocol = new DoveadmClientProtocol(options);
    this.#driver = new Driver(this.#protocol, transport, {
      onEvent: (event) => this.#onEvent(event),
      tls: withDoveadmAlpn(options.tls),
      mayRecycle: () => this.#mayRecycle(),
    });
    this.#handshake = new Promise((resolve, reject) => {
      this.#endHandshake = (error) => error === undefined ? resolve() : reject(error);
    });
    this.#running = this.#run();
  }

  /**
   * Shakes hands with the server over a transport, which belongs to the connection from here on.
   *
   * On failure it closes the transport and rejects with an `AuthenticationError`, a `TimeoutError`, a
   * `ConnectionLostError`, a `RemoteProtocolError`, an `AbortError` or, for bad options, a
   * `LocalProtocolError`.
   */
  static async open(
    transport: Transport,
    options: DoveadmConnectionOptions = {},
  ): Promise<DoveadmConnection> {
    checkTransport(transport);
    let connection: DoveadmConnection;
    try {
      connection = new DoveadmConnection(transport, options);
    } catch (error) {
      await transport.close();
      throw error;
    }
    await connection.#shakeHands();
    return connection;
  }

  /** The minor protocol version of the connection. */
  get minor(): number {
    return this.#minor;
  }

  /** Whether the server asked for no password. */
  get preauthenticated(): boolean {
    return this.#preauthenticated;
  }

  /** Whether commands can be sent. */
  get isOpen(): boolean {
    return !this.#ended && this.#reason === undefined && this.#protocol.isOpen;
  }

  /** Resolves when the connection is closed and every command that was sent has its answer or error. */
  get closed(): Promise<void> {
    return this.#running;
  }

  /**
   * Runs a command and returns the server's answer, even if the command failed.
   *
   * Rejects with a `LocalProtocolError` for an invalid command; with a `ConnectionLostError`,
   * `RemoteProtocolError`, `TimeoutError` or `AbortError` if there was no answer. Each has a `sent` flag:
   * whether the command may have run. A signal or time-out closes the connection, and so ends its other
   * commands, too.
   */
  send(request: DoveadmRequest, options: SendOptions = {}): Promise<DoveadmAnswer> {
    return new Promise((resolve, reject) => {
      this.#begin(request, options, { resolve, reject });
    });
  }

  /**
   * Runs a command and yields its values as they arrive, read no faster than they are taken, so that an
   * answer of any size passes through in constant memory.
   *
   * After the last value it throws what {@linkcode send} would reject with, and a `CommandError` if the
   * command failed. Leaving the loop early closes the connection.
   */
  stream(
    request: DoveadmRequest,
    options: StreamOptions = {},
  ): AsyncGenerator<StreamedField, void, void> {
    return this.#stream(request, options, fieldsOf);
  }

  /**
   * Runs a command as {@linkcode stream} does, but yields what a function makes of its values as they are on the
   * wire, piece by piece: `undefined` until it has enough of them. The time limit applies to each result.
   *
   * @internal
   */
  pieces(
    request: DoveadmRequest,
    options: SendOptions,
    cut: Cut,
  ): AsyncGenerator<Uint8Array, void, void> {
    return this.#stream(request, { ...options, cut }, chunksOf);
  }

  async *#stream<Item>(
    request: DoveadmRequest,
    options: StreamOptions & { readonly cut?: Cut },
    itemsOf: (queue: FieldQueue) => AsyncGenerator<Item, void, void>,
  ): AsyncGenerator<Item, void, void> {
    const { limits: { reply = defaultClientLimits.reply } = {} } = this.#options;
    const queue = new FieldQueue({ isReused: options.reuseBuffer, limit: reply });
    const answer = new Promise<DoveadmAnswer>((resolve, reject) => {
      this.#begin(request, options, { resolve, reject }, queue);
    });
    let answered = false;
    const settled = answer.then(
      () => {
        answered = true;
        queue.end({});
      },
      (error) => {
        answered = true;
        queue.end({ error });
      },
    );
    try {
      yield* itemsOf(queue);
      const reply = await answer;
      if (!reply.ok) throw new CommandError(request.name, reply, reply.log);
    } finally {
      if (!answered) {
        queue.discard();
        await this.#end(
          new AbortError(`The stream of "${request.name}" was closed before its end.`, {
            sent: true,
          }),
        );
      }
      await settled;
    }
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
      timeout: this.#handshakeTimeout,
      signals: [this.#options.signal],
      errorOf: (aborted) => this.#handshakeEnd(aborted),
      onEnd: (error) => {
        this.#reason ??= error as DovewireError;
        this.#endHandshake(this.#reason);
      },
    });
    try {
      await this.#handshake;
      // The signal may have aborted right after the handshake.
      if (deadline.error !== undefined) throw deadline.error;
    } catch (error) {
      await this.#driver.close();
      await this.#running;
      throw error;
    } finally {
      deadline.stop();
    }
  }

  /** The error for a handshake that was aborted or timed out. */
  #handshakeEnd(aborted: AbortSignal | undefined): DovewireError {
    if (aborted !== undefined) {
      const cause = aborted.reason;
      return new AbortError(`The handshake with ${this.peer} was aborted.`, { cause });
    }
    return new TimeoutError(
      "handshake",
      `The handshake with ${this.peer} took more than ${this.#handshakeTimeout} ms. Check that it is a ` +
        "doveadm server and has a free process (process_limit).",
    );
  }

  /** Sends a command. */
  #begin(
    request: DoveadmRequest,
    options: StreamOptions & { readonly cut?: Cut },
    outcome: Outcome,
    queue?: FieldQueue,
  ): void {
    checkRequest(request);
    checkStreamOptions(options);
    const { name, input } = request;
    const { signal, timeout = this.#options.timeout ?? defaultTimeout, valuesPerRow, cut } =
      options;
    const limit = timeLimit("timeout", timeout);
    if (signal?.aborted) throw abortError(name, signal, false);
    if (!this.isOpen) {
      const cause = this.#reason ?? this.#protocol.failure ?? this.#failure;
      throw closedError(name, { peer: this.peer, cause, wasUsed: this.#wasUsed });
    }
    this.#wasUsed = true;
    const streamed = cut === undefined ? queue !== undefined : "escaped";
    const id = this.#protocol.send(commandOf(request, streamed));
    const how = { id, name, queue, cut, valuesPerRow, limit, alarm: this.#alarm };
    const pending = new PendingCommand(outcome, how);
    this.#pending.push(pending);
    if (signal !== undefined) {
      pending.forgetSignal = onAbort(signal, () => {
        this.#fail(pending, abortError(name, signal, this.#protocol.isSent(id)));
      });
    }
    // At once: of many commands on many connections, the first is on its way while the others are made.
    this.#driver.flushNow();
    if (input !== undefined) this.#inputTurn = this.#writeInput(pending, input, this.#inputTurn);
  }

  /** Writes a command's input after the input of the previous command. */
  async #writeInput(pending: PendingCommand, input: Input, turn: Promise<void>): Promise<void> {
    await turn;
    const { id, name } = pending;
    try {
      for await (const piece of piecesOf(input)) {
        if (this.#pending.get(id) === undefined) return;
        this.#protocol.write(id, piece);
        await this.#driver.flush();
      }
      this.#protocol.end(id);
      await this.#driver.flush();
    } catch (error) {
      // A partial input must not look complete: without its final dot the server discards it.
      const sent = this.#protocol.isSent(id);
      const what = `The input of "${name}" failed, so that the command was aborted.`;
      this.#fail(pending, new AbortError(what, { cause: error, sent }));
    }
  }

  async #run(): Promise<void> {
    try {
      await this.#driver.run();
    } catch (error) {
      this.#failure = error;
    }
    this.#ended = true;
    this.#alarm.stop();
    this.#protocol.close();
    this.#endHandshake(this.#reason ?? handshakeError(this.#failure, this.peer));
    const head = this.#pending.first;
    for (const pending of this.#pending) {
      const sent = this.#protocol.isSent(pending.id);
      const isHead = pending === head;
      const how = { peer: this.peer, sent, isHead, log: pending.log, reason: this.#reason };
      this.#settle(pending).outcome.reject(unansweredError(pending.name, this.#failure, how));
    }
  }

  #onEvent(event: DoveadmClientEvent): void | Promise<void> {
    switch (event.type) {
      case "ready":
        this.#minor = event.minor;
        this.#preauthenticated = event.preauthenticated;
        this.#endHandshake();
        return;
      case "log":
        return this.#onLog(event);
      case "field": {
        const pending = this.#pending.get(event.id);
        if (pending === undefined) return;
        const { valuesPerRow } = pending;
        this.#note(pending);
        if (event.final) pending.values++;
        const isRow = event.final && pending.values % (valuesPerRow ?? 1) === 0;
        if (isRow || valuesPerRow === undefined) pending.restartTime();
        return pending.give(this.#given(pending, event.chunk), event.final);
      }
      case "values": {
        const pending = this.#pending.get(event.id);
        this.#chunkUse = "kept";
        if (pending === undefined) return;
        let piece: Uint8Array | undefined;
        try {
          piece = pending.cut!(event.chunk);
        } catch (error) {
          pending.queue!.end({ error });
        }
        if (piece === undefined) return;
        pending.restartTime();
        return pending.give(piece, true);
      }
      case "reply": {
        const pending = this.#pending.get(event.id);
        if (pending === undefined) return;
        if (pending.queue === undefined) this.#chunkUse = "kept";
        this.#settle(pending).outcome.resolve(answerOf(event, pending.log));
        return;
      }
      case "end":
        this.#ended = true;
    }
  }

  /** A chunk as its caller gets it, who may transfer it: no other bytes are in its memory that are still to be read. */
  #given({ queue }: PendingCommand, chunk: Uint8Array): Uint8Array {
    return queue!.isReused || !this.#protocol.holdsInput ? chunk : chunk.slice();
  }

  /** Notes that a stream got a part of the chunk. */
  #note(pending: PendingCommand): void {
    if (this.#chunkUse === "unused" && pending.queue!.isReused) this.#chunkUse = pending;
    else if (this.#chunkUse !== pending) this.#chunkUse = "kept";
  }

  /** Whether the last chunk is used no more: its only user was a stream that reuses memory, and is done with it. */
  #mayRecycle(): boolean | Promise<boolean> {
    const user = this.#chunkUse;
    this.#chunkUse = "unused";
    if (typeof user === "string") return user === "unused";
    const isUsed = user.queue!.whenUsed();
    if (typeof isUsed === "boolean") return isUsed;
    user.pauseTime();
    return isUsed.then((isUsed) => {
      user.resumeTime();
      return isUsed;
    });
  }

  #onLog({ id, level, message }: DoveadmClientEvent & { type: "log" }): void {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    pending?.log.push({ level, message });
    if (pending !== undefined && pending.log.length > logLinesKept) pending.log.shift();
    callListener(this.#options.onLog, { level, message, command: pending?.name });
  }

  /** Removes a command from the pending ones. */
  #settle(pending: PendingCommand): PendingCommand {
    this.#pending.delete(pending.id);
    pending.forgetSignal?.();
    return pending;
  }

  /** Ends a pending command, which ends the connection. */
  #fail(pending: PendingCommand, error: DovewireError): void {
    if (this.#pending.get(pending.id) === undefined) return;
    this.#settle(pending).outcome.reject(error);
    if (this.#reason === undefined) void this.#end(error);
  }

  /** Ends the commands whose time is over. */
  #endOverdue(): void {
    const { peer } = this;
    const now = systemClock.now();
    let next = Infinity;
    for (const pending of this.#pending) {
      const { id, name, limit, queue, endsAt } = pending;
      if (endsAt > now) {
        next = Math.min(next, endsAt);
        continue;
      }
      const sent = this.#protocol.isSent(id);
      this.#fail(pending, timeoutError(name, limit, { peer, sent, isStream: queue !== undefined }));
    }
    this.#alarm.callBy(next);
  }

  async #end(reason: DovewireError): Promise<void> {
    if (!this.#ended) this.#reason ??= reason;
    // Whoever doesn't take values doesn't hold up the end.
    for (const { queue } of this.#pending) queue?.release();
    await this.#driver.close();
    await this.#running;
  }
}

/**
 * The command of a request. It names all properties, of which the compiler sees that none is missing: a copy of
 * "all the others" takes long to make.
 */
function commandOf(
  { name, args, user, verbosity, extraFields, input }: DoveadmRequest,
  streamed: DoveadmCommand["streamed"],
): { [Name in keyof Required<DoveadmCommand>]: DoveadmCommand[Name] } {
  return { name, args, user, verbosity, extraFields, input: input !== undefined, streamed };
}
