/**
 * One conversation of version 3 with an extractor.
 *
 * @module
 */

import {
  type ExtractorClientEvent,
  type ExtractorClientLimits,
  ExtractorClientProtocol,
} from "../core/extractor/client.ts";
import type { ExitStatus } from "../core/extractor/exit_status.ts";
import type { DovewireError } from "../core/mod.ts";
import { Driver } from "../transports/driver.ts";
import type { Ending } from "./extractor_failures.ts";
import type { Line } from "./extractor_line.ts";

/** The protocol, and when it last heard something. */
class HearingProtocol extends ExtractorClientProtocol {
  /** By `performance.now()`. */
  heardAt = -Infinity;
  onEnd = () => {};

  override receive(chunk: Uint8Array): void {
    this.heardAt = performance.now();
    super.receive(chunk);
  }

  override receiveEnd(): void {
    super.receiveEnd();
    this.onEnd();
  }
}

/** What an {@linkcode ExtractorSession} tells. */
export interface SessionHandlers {
  /** The answer to a request. */
  readonly onAnswer: (id: number, message: Uint8Array) => void;
  /** The conversation is over, or given up; told once. */
  readonly onEnd: (ending: Ending) => void;
}

/** One conversation of version 3. */
export class ExtractorSession {
  /** Resolves when all of it is over, the process included. */
  readonly over: Promise<void>;
  #line: Line;
  #handlers: SessionHandlers;
  #protocol: HearingProtocol;
  #driver: Driver<ExtractorClientEvent>;
  #answers = 0;
  #exit: ExitStatus | undefined;
  #isEndTold = false;

  /** Begins one over a line, which belongs to it from here on. */
  constructor(line: Line, limits: Partial<ExtractorClientLimits>, handlers: SessionHandlers) {
    this.#line = line;
    this.#handlers = handlers;
    this.#protocol = new HearingProtocol({ awaitsExit: line.exited !== undefined, limits });
    this.#protocol.onEnd = () => line.expectExit();
    this.#driver = new Driver(this.#protocol, line.transport, {
      onEvent: (event) => this.#onEvent(event),
    });
    line.exited?.then((status) => {
      this.#exit = status;
      this.#protocol.exited(status);
      void this.#driver.flush();
    });
    this.over = this.#run();
  }

  /** Who is at the other end, for messages. */
  get peer(): string {
    return this.#line.transport.peer;
  }

  /** Whether requests can be sent. */
  get isOpen(): boolean {
    return this.#protocol.isOpen && !this.#isEndTold;
  }

  /** When the last byte arrived, by `performance.now()`. */
  get heardAt(): number {
    return this.#protocol.heardAt;
  }

  /** Sends a request and gives its id; throws a `LocalProtocolError` for one that can't be. */
  send(method: string, message: Uint8Array): number {
    const id = this.#protocol.send(method, message);
    void this.#driver.flush();
    return id;
  }

  /** Whether a request without an answer may be carried out. */
  isSent(id: number): boolean {
    return this.#protocol.isSent(id);
  }

  /** Ends the requests; what was sent is still answered. */
  finish(): void {
    this.#protocol.close();
    void this.#driver.flush();
  }

  /** Ends the conversation at once, and the process if there is one. */
  giveUp(reason: DovewireError): void {
    this.#tellEnd({ reason });
    void this.#line.end();
    void this.#driver.close();
  }

  #onEvent(event: ExtractorClientEvent): void {
    if (event.type !== "response") return;
    this.#answers++;
    if (!this.#isEndTold) this.#handlers.onAnswer(event.id, event.message);
  }

  async #run(): Promise<void> {
    let failure: unknown;
    try {
      await this.#driver.run();
    } catch (error) {
      failure = error;
    }
    const end = this.#line.end();
    // How it ended is worth a moment: it may say why the output made no sense.
    if (!this.#isEndTold) await this.#line.exited;
    this.#tellEnd({ failure });
    await end;
  }

  #tellEnd(how: { failure?: unknown; reason?: DovewireError }): void {
    if (this.#isEndTold) return;
    this.#isEndTold = true;
    const ending = { line: this.#line, answers: this.#answers, exit: this.#exit };
    this.#handlers.onEnd({ ...ending, ...how });
  }
}
