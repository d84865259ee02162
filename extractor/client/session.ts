/**
 * One conversation of version 3 with an extractor.
 *
 * @module
 */

import {
  type ExtractorClientEvent,
  type ExtractorClientLimits,
  ExtractorClientProtocol,
} from "@dovewire/dovewire/core/extractor";
import type { DovewireError, ExitStatus } from "@dovewire/dovewire/core";
import { Driver } from "@dovewire/dovewire/transports";
import type { ExtractorConnection } from "./connection.ts";
import type { ConversationEnd } from "./errors.ts";

/** Events emitted by an {@linkcode ExtractorSession}. */
export interface SessionHandlers {
  /**
   * The other end takes more: what is sent during this call is written at once. Emitted after a
   * {@linkcode ExtractorSession.flush}, and each time that all output is written.
   */
  readonly onDrain: () => void;
  /** The answer to a request. */
  readonly onAnswer: (id: number, message: Uint8Array) => void;
  /** The conversation has ended; emitted once. */
  readonly onEnd: (end: ConversationEnd) => void;
}

/** One conversation of version 3. */
export class ExtractorSession {
  /** Resolves when the conversation and the process have ended. */
  readonly closed: Promise<void>;
  /** When it began, by `performance.now()`. */
  readonly startedAt: number = performance.now();
  #connection: ExtractorConnection;
  #handlers: SessionHandlers;
  #protocol: ExtractorClientProtocol;
  #driver: Driver<ExtractorClientEvent>;
  #heardAt = -Infinity;
  #answers = 0;
  #exit: ExitStatus | undefined;
  #hasEnded = false;

  /** Starts one over a connection, which it owns from here on. */
  constructor(
    connection: ExtractorConnection,
    limits: Partial<ExtractorClientLimits>,
    handlers: SessionHandlers,
  ) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#protocol = new ExtractorClientProtocol({
      awaitsExit: connection.exited !== undefined,
      limits,
    });
    this.#driver = new Driver(this.#protocol, connection.transport, {
      onEvent: (event) => this.#onEvent(event),
      onRead: () => {
        this.#heardAt = performance.now();
      },
      onReadEnd: () => connection.expectEnd(),
      onDrain: () => {
        if (this.isOpen) handlers.onDrain();
      },
      // An extractor that takes no more requests may still answer, and then has nothing left to do.
      onBroken: () => connection.expectEnd(),
    });
    connection.exited?.then((status) => {
      this.#exit = status;
      this.#protocol.exited(status);
      void this.#driver.flush();
    });
    this.closed = this.#run();
  }

  /** The name of the other end, for messages. */
  get peer(): string {
    return this.#connection.transport.peer;
  }

  /** Whether requests can be sent. */
  get isOpen(): boolean {
    return this.#protocol.isOpen && !this.#hasEnded;
  }

  /** When the last byte arrived, by `performance.now()`; `-Infinity` if none has. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Writes what there is, and emits `onDrain`. */
  flush(): void {
    void this.#driver.flush();
  }

  /**
   * Sends a request and returns its id; throws a `LocalProtocolError` for an invalid one. To be called
   * during `onDrain`, since a request that was sent can't be taken back.
   */
  send(method: string, message: Uint8Array): number {
    return this.#protocol.send(method, message);
  }

  /** Whether a request without an answer has begun to leave, so that it may have run. */
  isSent(id: number): boolean {
    return this.#protocol.isSent(id);
  }

  /** Sends no more requests; those that were sent are still answered. */
  finish(): void {
    this.#protocol.close();
    void this.#driver.flush();
  }

  /** Ends the conversation at once, and the process if there is one. */
  abort(reason: DovewireError): void {
    this.#emitEnd({ reason });
    // #run() waits for both. Their errors don't matter: the end has been emitted.
    this.#connection.end().catch(() => {});
    this.#driver.close().catch(() => {});
  }

  #onEvent(event: ExtractorClientEvent): void {
    if (event.type !== "response") return;
    this.#answers++;
    if (!this.#hasEnded) this.#handlers.onAnswer(event.id, event.message);
  }

  async #run(): Promise<void> {
    let failure: unknown;
    try {
      await this.#driver.run();
    } catch (error) {
      failure = error;
    }
    const end = this.#connection.end();
    // The exit status may say why the output made no sense.
    if (!this.#hasEnded) await this.#connection.exited;
    this.#emitEnd({ failure });
    await end;
  }

  #emitEnd(how: { failure?: unknown; reason?: DovewireError }): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const end = { connection: this.#connection, answers: this.#answers, exit: this.#exit };
    this.#handlers.onEnd({ ...end, ...how });
  }
}
