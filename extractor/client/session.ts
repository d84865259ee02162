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
import type { Ending } from "./failures.ts";
import type { Line } from "./line.ts";

/** The protocol, when it last heard something, and who is told when it is to be given more. */
class HearingProtocol extends ExtractorClientProtocol {
  /** By `performance.now()`. */
  heardAt = -Infinity;
  onRoom = () => {};

  override takeOutput(): Uint8Array | undefined {
    const output = super.takeOutput();
    if (output !== undefined) return output;
    this.onRoom();
    return super.takeOutput();
  }

  override receive(chunk: Uint8Array): void {
    this.heardAt = performance.now();
    super.receive(chunk);
  }
}

/** What an {@linkcode ExtractorSession} tells. */
export interface SessionHandlers {
  /**
   * The other end takes more: what is sent now leaves at once. It is told behind a
   * {@linkcode ExtractorSession.flush}, and whenever what was sent has left.
   */
  readonly onRoom: () => void;
  /** The answer to a request. */
  readonly onAnswer: (id: number, message: Uint8Array) => void;
  /** The conversation is over, or given up; told once. */
  readonly onEnd: (ending: Ending) => void;
}

/** One conversation of version 3. */
export class ExtractorSession {
  /** Resolves when all of it is over, the process included. */
  readonly over: Promise<void>;
  /** When it began, by `performance.now()`. */
  readonly startedAt: number = performance.now();
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
    this.#protocol.onRoom = () => {
      if (this.isOpen) handlers.onRoom();
    };
    this.#driver = new Driver(this.#protocol, line.transport, {
      onEvent: (event) => this.#onEvent(event),
      onReadEnd: () => line.expectExit(),
      // Who takes no more requests may still answer those it has, and then has nothing left to do.
      onBroken: () => line.expectExit(),
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

  /** Asks for `onRoom`, which is told as soon as there is some. */
  flush(): void {
    void this.#driver.flush();
  }

  /**
   * Sends a request and gives its id; throws a `LocalProtocolError` for one that can't be. To be called
   * in `onRoom`: what the other end doesn't take yet couldn't be called back here.
   */
  send(method: string, message: Uint8Array): number {
    return this.#protocol.send(method, message);
  }

  /** Whether a request without an answer has begun to leave, so that it may be carried out. */
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
    // It is the run that waits for both, and tells of neither: the end is told.
    this.#line.end().catch(() => {});
    this.#driver.close().catch(() => {});
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
