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
import { type TlsOptions, type Transport, TransportError } from "../../transports/transport.ts";
import { answer } from "./answer.ts";
import { CommandFailure } from "./command_failure.ts";
import type { DoveadmHandler, DoveadmPeer, ServerRequest } from "./handler.ts";

/** Decides who may log in. */
export type Authenticate = (
  username: string,
  password: string,
) => string | undefined | Promise<string | undefined>;

/** What a {@linkcode ServerConnection} is made with. */
export interface ServerConnectionOptions {
  /** What the protocol is told. */
  readonly protocol: DoveadmServerProtocolOptions;
  /** What to encrypt with where a client asks for it. */
  readonly tls: TlsOptions | undefined;
  readonly handler: DoveadmHandler;
  readonly authenticate: Authenticate | undefined;
  /** How long a client may take to log in, in milliseconds; 0 for ever. */
  readonly handshakeTimeout: number;
  /** How long a client may send nothing while it is waited for, in milliseconds; 0 for ever. */
  readonly idleTimeout: number;
  /** How long a client may read nothing while it is written to, in milliseconds; 0 for ever. */
  readonly stallTimeout: number;
  /** Gets what went wrong. */
  readonly onError: (error: unknown, peer: string) => void;
}

/** How much may be read ahead of the running command, in bytes. */
const readAhead = 65_536;

/** How often a client that closed its end is asked whether it still listens, in milliseconds. */
const probeInterval = 1000;

/** How long a client gets to close its side when the conversation is over, in milliseconds. */
const lingerTimeout = 1000;

/** A command that is being answered. */
interface Running {
  readonly id: number;
  readonly controller: AbortController;
  /** Its input, as long as it is read; `undefined` for a command without. */
  readonly input: AsyncQueue<Uint8Array> | undefined;
  isInputComplete: boolean;
}

/** One client's connection: runs its commands, one at a time, until it leaves or has to. */
export class ServerConnection {
  /** Resolves when the connection is closed, and nothing of it is left but handlers that don't end. */
  readonly closed: Promise<void>;
  #options: ServerConnectionOptions;
  #peer: string;
  #protocol: DoveadmServerProtocol;
  #driver: Driver<DoveadmServerEvent>;
  /** "handshake": not logged in; "open"; "closing": no command is begun any more; "closed". */
  #state: "handshake" | "open" | "closing" | "closed" = "handshake";
  #client: DoveadmPeer | undefined;
  #running: Running | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #probing: ReturnType<typeof setTimeout> | undefined;

  /** Takes a transport, which belongs to the connection from here on. */
  constructor(transport: Transport, options: ServerConnectionOptions) {
    this.#options = options;
    this.#peer = transport.peer;
    this.#protocol = new DoveadmServerProtocol({
      ...options.protocol,
      loginEvents: options.authenticate !== undefined,
    });
    this.#driver = new Driver(this.#protocol, transport, {
      onEvent: (event) => this.#onEvent(event),
      onRead: () => this.#rearm(),
      onReadEnd: () => this.#watchForReset(),
      onWrite: () => this.#rearm(),
      onDrain: () => this.#rearm(),
      stallTimeout: options.stallTimeout,
      mayRead: () => this.#running === undefined || this.#protocol.backlog < readAhead,
      onBroken: (error) => this.#abandon(error),
      tls: options.tls,
      lingerTimeout,
    });
    this.#rearm();
    this.closed = this.#run();
  }

  /** Whether the client isn't logged in yet. */
  get isHandshaking(): boolean {
    return this.#state === "handshake";
  }

  /** Closes the connection when the command that runs is answered, or at once if none does. */
  finish(): void {
    if (this.#state === "closed") return;
    this.#state = "closing";
    if (this.#running === undefined) this.#closeProtocol();
  }

  /** Tells the command that runs that nobody waits for it; the connection closes when it ends. */
  giveUp(reason: unknown): void {
    this.finish();
    this.#running?.controller.abort(reason);
    this.#running?.input?.end({ error: reason });
  }

  /** Closes the connection now, whatever runs; `reason` is for the handler. */
  async close(reason: unknown): Promise<void> {
    this.#abandon(reason);
    await this.#driver.close();
    await this.closed;
  }

  async #run(): Promise<void> {
    try {
      await this.#driver.run();
    } catch (error) {
      // A client that breaks off is nobody's mistake; one that breaks the protocol is.
      if (!(error instanceof TransportError)) this.#options.onError(error, this.#peer);
    } finally {
      this.#state = "closed";
      clearTimeout(this.#timer);
      clearTimeout(this.#probing);
      this.#abandon(new Error("The connection is closed."));
    }
  }

  #onEvent(event: DoveadmServerEvent): void | Promise<void> {
    switch (event.type) {
      case "login":
        // Not to be waited for: what comes meanwhile may be the client's end.
        void this.#login(event.username, event.password);
        return;
      case "ready":
        this.#ready(event);
        return;
      case "refused":
        this.#state = "closing";
        this.#options.onError(
          new AuthenticationError(`${this.#peer} could not log in: ${event.reason}.`),
          this.#peer,
        );
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

  async #login(username: string, password: string): Promise<void> {
    let name: string | undefined;
    try {
      name = await this.#options.authenticate!(username, password);
    } catch (error) {
      this.#options.onError(error, this.#peer);
    }
    // The client may have gone, or its time may be over.
    if (this.#state !== "handshake") return;
    if (name === undefined) this.#protocol.refuseLogin();
    else this.#protocol.acceptLogin(name);
    void this.#driver.flush();
  }

  #ready({ minor, username }: { minor: number; username: string | undefined }): void {
    this.#client = { address: this.#peer, username, minor };
    if (this.#state === "handshake") this.#state = "open";
    else this.#closeProtocol();
    this.#rearm();
  }

  #begin({ id, command }: DoveadmServerEvent & { type: "command" }): void {
    const { name, args = [], user, verbosity, extraFields = {}, input: hasInput } = command;
    const input = hasInput
      ? new AsyncQueue<Uint8Array>({ sizeOf: ({ length }) => length, highWaterMark: readAhead })
      : undefined;
    const controller = new AbortController();
    const running: Running = { id, controller, input, isInputComplete: !hasInput };
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
    this.#rearm();
    void answer(id, request, this.#options.handler, {
      protocol: this.#protocol,
      flush: () => this.#driver.flush(),
      onError: (error) => this.#options.onError(error, this.#peer),
    }).then((end) => this.#answered(running, end));
  }

  #answered({ input, controller }: Running, end: () => void): void {
    end();
    this.#running = undefined;
    input?.discard();
    if (this.#state === "closing" || controller.signal.aborted) this.#protocol.close();
    this.#rearm();
    void this.#driver.flush();
  }

  #takeInput(chunk: Uint8Array, final: boolean): void | Promise<void> {
    const { input } = this.#running!;
    const taken = chunk.length > 0 ? input!.push(chunk) : undefined;
    if (final) {
      this.#running!.isInputComplete = true;
      input!.end({});
    }
    if (taken === undefined) return this.#rearm();
    // It is the handler who is waited for, and nothing is read meanwhile.
    clearTimeout(this.#timer);
    return taken.then(() => this.#rearm());
  }

  /** Sets the time that the client has to send something, if it is waited for. */
  #rearm(): void {
    // Logging in takes as long as it takes in all, or a byte now and then would do.
    if (this.#state === "handshake" && this.#timer !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { handshakeTimeout, idleTimeout } = this.#options;
    const isWaitedFor = this.#running === undefined
      ? this.#state === "handshake" || this.#state === "open"
      : !this.#running.isInputComplete;
    // A client that is written to has something else to do, and is watched at that.
    if (!isWaitedFor || this.#driver.isWriting || this.#state === "closed") return;
    const isHandshaking = this.#state === "handshake";
    const time = isHandshaking ? handshakeTimeout : idleTimeout;
    if (time === 0) return;
    const what = isHandshaking ? "it didn't log in" : "it sent nothing";
    this.#timer = setTimeout(() => this.#tooLong(`${what} for ${time} ms`), time);
  }

  #tooLong(why: string): void {
    const input = this.#running?.input;
    if (input === undefined) return this.#giveUp(why);
    // The command is to be answered, and its client may still read that.
    this.#state = "closing";
    const message = `${this.#peer} was given up in the middle of its input: ${why}.`;
    this.#options.onError(new DovewireError(message), this.#peer);
    input.end({ error: new CommandFailure("TEMPFAIL", { log: message }) });
  }

  /** Closes the connection of a client that takes too long. */
  #giveUp(why: string): void {
    const error = new DovewireError(`${this.#peer} was given up: ${why}.`);
    this.#options.onError(error, this.#peer);
    this.#abandon(error);
    void this.#driver.close();
  }

  /** The client closed its end. It may still read; whether it does shows only in writing to it. */
  #watchForReset(): void {
    if (this.#state === "closed") return;
    this.#probing = setTimeout(() => {
      this.#protocol.probe();
      void this.#driver.flush();
      this.#watchForReset();
    }, probeInterval);
  }

  /** Nobody waits for answers any more. */
  #abandon(reason: unknown): void {
    this.#running?.controller.abort(reason);
    this.#running?.input?.end({ error: reason });
    this.#closeProtocol();
  }

  #closeProtocol(): void {
    this.#protocol.close();
    void this.#driver.flush();
  }
}

/** The input as handlers get it: to be read once, as far as they like. */
function piecesOf(queue: AsyncQueue<Uint8Array> | undefined): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      for (let chunk; (chunk = await queue?.take()) !== undefined;) yield chunk;
    },
  };
}
