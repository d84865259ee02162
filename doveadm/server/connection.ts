/**
 * One client's connection to a server.
 *
 * @module
 */

import {
  type DoveadmServerEvent,
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
} from "../../core/doveadm/mod.ts";
import { AuthenticationError, DovewireError } from "../../core/mod.ts";
import { AsyncQueue } from "../../transports/async_queue.ts";
import { Driver } from "../../transports/driver.ts";
import { startTimer, type Timer } from "../../transports/timers.ts";
import { isDisconnect, type TlsOptions, type Transport } from "../../transports/transport.ts";
import { answer } from "./answer.ts";
import { CommandFailure } from "./command_failure.ts";
import type { DoveadmHandler, DoveadmPeer, ServerRequest } from "./handler.ts";
import type { CheckLogin } from "./login.ts";

/** Time limits for a client in milliseconds, `Infinity` for none. */
export interface ClientTimeouts {
  /** For logging in. */
  readonly handshakeTimeout: number;
  /** For sending something while the next command, or a command's input, is awaited. */
  readonly idleTimeout: number;
  /** For reading something while it is written to. */
  readonly stallTimeout: number;
}

/** Options for a {@linkcode ServerConnection}. */
export interface ServerConnectionOptions extends ClientTimeouts {
  /** Options for the protocol. */
  readonly protocol: DoveadmServerProtocolOptions;
  /** How to encrypt the connection when the client asks for it. */
  readonly tls: TlsOptions | undefined;
  readonly handler: DoveadmHandler;
  /** Decides who may log in; `undefined` where clients don't have to. */
  readonly checkLogin: CheckLogin | undefined;
  /** Counts a refused login; returns how long to delay the refusal, in milliseconds. */
  readonly nextRefusalDelay: (peer: string) => number;
  /** Called with each error. */
  readonly onError: (error: unknown, peer: string) => void;
}

/** How much is read in advance while a command runs, in bytes. */
const readAhead = 65_536;

/** How often a client that isn't read is checked for being connected, in milliseconds. */
const probeInterval = 1000;

/** The time limit of the lingering close, in milliseconds. */
const lingerTimeout = 1000;

const noTimer: Timer = startTimer(Infinity, () => {});

/** The running command. */
interface Running {
  readonly id: number;
  readonly controller: AbortController;
  /** Its input, as far as the handler hasn't read it; `undefined` for a command without. */
  readonly input: AsyncQueue<Uint8Array> | undefined;
  /** "arriving": the client has to send more; "full": the handler has to read; "complete". */
  inputState: "arriving" | "full" | "complete";
}

/** One client's connection: runs its commands, one at a time, until either side closes it. */
export class ServerConnection {
  /** Resolves when the connection is closed; handlers that ignore their signal may still run. */
  readonly closed: Promise<void>;
  #options: ServerConnectionOptions;
  #peer: string;
  #protocol: DoveadmServerProtocol;
  #driver: Driver<DoveadmServerEvent>;
  /**
   * "handshake": the client has to log in; "login": its login is checked; "refused": its refusal is
   * delayed; "open"; "closing": no further command is started; "closed".
   */
  #state: "handshake" | "login" | "refused" | "open" | "closing" | "closed" = "handshake";
  #client: DoveadmPeer | undefined;
  #running: Running | undefined;
  /** The time limit for logging in, and then the delay of a refusal. */
  #loginTimer: Timer;
  #idleTimer = noTimer;
  #probeTimer = noTimer;

  /** Takes a transport, which belongs to the connection from here on. */
  constructor(transport: Transport, options: ServerConnectionOptions) {
    this.#options = options;
    this.#peer = transport.peer;
    this.#protocol = new DoveadmServerProtocol({
      ...options.protocol,
      loginEvents: options.checkLogin !== undefined,
    });
    this.#driver = new Driver(this.#protocol, transport, {
      onEvent: (event) => this.#onEvent(event),
      mayRead: () => this.#mayRead,
      onRead: () => this.#restartIdleTimer(),
      onDrain: () => this.#restartIdleTimer(),
      onBroken: (error) => this.#disconnect(error),
      stallTimeout: options.stallTimeout,
      tls: options.tls,
      lingerTimeout,
    });
    const { handshakeTimeout } = options;
    this.#loginTimer = startTimer(
      handshakeTimeout,
      () => this.#closeFor(`it didn't log in within ${handshakeTimeout} ms`),
    );
    this.closed = this.#run();
  }

  /** Whether the client isn't logged in: "refused" if it won't be. */
  get handshake(): "pending" | "refused" | "done" {
    if (this.#state === "refused") return "refused";
    return this.#state === "handshake" || this.#state === "login" ? "pending" : "done";
  }

  /** Closes the connection when the running command is answered, or at once if there is none. */
  finish(): void {
    if (this.#running === undefined) this.#closeProtocol();
    else if (this.#state !== "closed") this.#state = "closing";
  }

  /** Aborts the running command; the connection closes when its handler ends. */
  abort(reason: unknown): void {
    this.finish();
    this.#running?.controller.abort(reason);
    this.#running?.input?.end({ error: reason });
  }

  /** Closes the connection now; the running command is aborted for `reason`. */
  async close(reason: unknown): Promise<void> {
    this.#disconnect(reason);
    await this.#driver.close();
    await this.closed;
  }

  async #run(): Promise<void> {
    try {
      await this.#driver.run();
    } catch (error) {
      if (!isDisconnect(error)) this.#report(error);
    } finally {
      this.#state = "closed";
      for (const timer of [this.#loginTimer, this.#idleTimer, this.#probeTimer]) timer.stop();
      this.#disconnect(new DovewireError(`The connection to ${this.#peer} is closed.`));
    }
  }

  #onEvent(event: DoveadmServerEvent): void | Promise<void> {
    switch (event.type) {
      case "login":
        // Not awaited: the client may disconnect meanwhile.
        void this.#checkLogin(event.username, event.password);
        return;
      case "ready":
        this.#ready(event);
        return;
      case "refused":
        if (this.#state !== "refused") this.#reportRefusal(event.reason);
        this.#state = "closing";
        return;
      case "command":
        this.#begin(event);
        return;
      case "input":
        return this.#takeInput(event.chunk, event.final);
      case "input-lost":
        this.#running?.input?.end({
          error: new CommandFailure("TEMPFAIL", { log: "The input ended before its dot." }),
        });
        return;
    }
  }

  async #checkLogin(username: string, password: string): Promise<void> {
    this.#state = "login";
    this.#restartProbeTimer();
    const login = await this.#options.checkLogin!(username, password);
    if ("username" in login) {
      if (!this.#isState("login")) return;
      this.#protocol.acceptLogin(login.username);
      void this.#driver.flush();
      return;
    }
    // It counts even if the client has disconnected, or its time is over.
    const delay = this.#options.nextRefusalDelay(this.#peer);
    this.#reportRefusal(login.refusal);
    if (!this.#isState("login")) return;
    this.#state = "refused";
    this.#loginTimer.stop();
    const refuse = () => {
      this.#protocol.refuseLogin(login.refusal);
      void this.#driver.flush();
    };
    if (delay === 0) refuse();
    else this.#loginTimer = startTimer(delay, refuse);
  }

  #ready({ minor, username }: { minor: number; username: string | undefined }): void {
    this.#loginTimer.stop();
    this.#client = { address: this.#peer, username, minor };
    if (this.handshake === "pending") this.#state = "open";
    else this.#closeProtocol();
    this.#restartIdleTimer();
  }

  #begin({ id, command }: DoveadmServerEvent & { type: "command" }): void {
    const { name, args = [], user, verbosity, extraFields = {}, input: hasInput } = command;
    const input = hasInput
      ? new AsyncQueue<Uint8Array>({ sizeOf: costOf, highWaterMark: readAhead })
      : undefined;
    const controller = new AbortController();
    const running: Running = {
      id,
      controller,
      input,
      inputState: hasInput ? "arriving" : "complete",
    };
    this.#running = running;
    const request: ServerRequest = {
      name,
      args,
      user,
      verbosity,
      extraFields: extraFields as Readonly<Record<string, readonly string[]>>,
      hasInput: input !== undefined,
      input: piecesOf(input),
      signal: controller.signal,
      client: this.#client!,
      log: (level, message) => {
        if (this.#running === running) this.#protocol.log(level, message);
        void this.#driver.flush();
      },
    };
    this.#restartIdleTimer();
    this.#restartProbeTimer();
    void answer(id, request, this.#options.handler, {
      protocol: this.#protocol,
      flush: () => this.#driver.flush(),
      onError: (error) => this.#report(error),
    }).then((end) => this.#answered(running, end));
  }

  #answered({ input, controller }: Running, end: () => void): void {
    end();
    this.#running = undefined;
    input?.discard();
    if (this.#state === "closing" || controller.signal.aborted) this.#protocol.close();
    this.#restartIdleTimer();
    void this.#driver.flush();
  }

  #takeInput(chunk: Uint8Array, final: boolean): void | Promise<void> {
    const running = this.#running!;
    const input = running.input!;
    const taken = chunk.length > 0 ? input.push(chunk) : undefined;
    if (final) {
      running.inputState = "complete";
      input.end({});
    } else if (taken !== undefined) {
      running.inputState = "full";
    }
    this.#restartIdleTimer();
    return taken?.then(() => {
      if (running.inputState === "full") running.inputState = "arriving";
      this.#restartIdleTimer();
    });
  }

  /** Whether more may be read: while something else is done, only a little in advance. */
  get #mayRead(): boolean {
    return !this.#isClientWaiting || this.#protocol.backlog < readAhead;
  }

  /** Whether the client waits for this side: for an answer, or for the result of its login. */
  get #isClientWaiting(): boolean {
    return this.#running !== undefined || this.#state === "login" || this.#state === "refused";
  }

  /** Whether the client has to send something: a command, or more of an input. */
  get #isClientAwaited(): boolean {
    // A client that is written to has to read first, which "stallTimeout" limits.
    if (this.#driver.isWriting || this.#state === "closed") return false;
    if (this.#running !== undefined) return this.#running.inputState === "arriving";
    return this.#state === "open";
  }

  /** Restarts the time limit for the client to send something, if it has to. */
  #restartIdleTimer(): void {
    this.#idleTimer.stop();
    if (!this.#isClientAwaited) return;
    const { idleTimeout } = this.#options;
    this.#idleTimer = startTimer(idleTimeout, () => {
      // If it was written to meanwhile, the limit restarts when that is done.
      if (this.#isClientAwaited) this.#closeIdle(`it sent nothing for ${idleTimeout} ms`);
    });
  }

  #closeIdle(why: string): void {
    const input = this.#running?.input;
    if (input === undefined) return this.#closeFor(why);
    // The command is still answered, since the client may read that.
    this.#state = "closing";
    const message = `The input of ${this.#peer} was ended before its dot: ${why}.`;
    this.#report(new DovewireError(message));
    input.end({ error: new CommandFailure("TEMPFAIL", { log: message }) });
  }

  /** Closes the connection of a client that takes too long. */
  #closeFor(why: string): void {
    const error = new DovewireError(`The connection to ${this.#peer} was closed: ${why}.`);
    this.#report(error);
    this.#disconnect(error);
    void this.#driver.close();
  }

  /**
   * Checks regularly whether a waiting client is still there. Reading and writing show that by themselves,
   * but nothing is read while a handler leaves its input unread, and a client that has closed its side may
   * still read, or may be gone.
   */
  #restartProbeTimer(): void {
    this.#probeTimer.stop();
    if (!this.#isClientWaiting) return;
    this.#probeTimer = startTimer(probeInterval, () => {
      if (!this.#driver.isReading && !this.#driver.isWriting) this.#probe();
      this.#restartProbeTimer();
    });
  }

  /** Writes an empty line, which clients skip, to the log; does nothing without a log. */
  #probe(): void {
    // The start of a value is pending, which should stay in one piece.
    if (this.#protocol.pendingOutput === 0 && this.#protocol.probe()) void this.#driver.flush();
    else this.#driver.probe();
  }

  /** Aborts the running command and ends the conversation. */
  #disconnect(reason: unknown): void {
    this.#running?.controller.abort(reason);
    this.#running?.input?.end({ error: reason });
    this.#closeProtocol();
  }

  #closeProtocol(): void {
    if (this.#state !== "closed") this.#state = "closing";
    // No client waits for the refusal any more.
    this.#loginTimer.stop();
    this.#protocol.close();
    void this.#driver.flush();
  }

  #report(error: unknown): void {
    this.#options.onError(error, this.#peer);
  }

  #reportRefusal(reason: string): void {
    this.#report(new AuthenticationError(`${this.#peer} could not log in: ${reason}.`));
  }

  /** Returns the current state, which may have changed during an await. */
  #isState(state: string): boolean {
    return this.#state === state;
  }
}

/** The approximate memory for a chunk of input, however small it is. */
function costOf({ length }: Uint8Array): number {
  return length + 200;
}

/** The input for handlers: can be read once, and not necessarily to its end. */
function piecesOf(queue: AsyncQueue<Uint8Array> | undefined): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      for (let chunk; (chunk = await queue?.take()) !== undefined;) yield chunk;
    },
  };
}
