/**
 * Requests of versions 1 and 2: a process for each.
 *
 * @module
 */

import {
  endError,
  type SingleShotClientEvent,
  SingleShotClientProtocol,
} from "@dovewire/dovewire/core/extractor";
import { type DovewireError, TimeoutError } from "@dovewire/dovewire/core";
import { Driver } from "@dovewire/dovewire/transports";
import { Courier } from "./courier.ts";
import type { Errand, Reply } from "./errand.ts";
import { notSentError, startingError, unansweredError } from "./failures.ts";
import { type Line, type ProcessStarter, waitForLine } from "./line.ts";
import type { ExtractorOptions } from "./options.ts";

/** How many processes there are at once where nobody says otherwise. */
const defaultMaxInFlight = 4;

/** A request's process. */
interface Shot {
  /** Gives up on starting it. */
  readonly starting: AbortController;
  line: Line | undefined;
}

/** Carries requests by a process for each. */
export class SingleShots extends Courier {
  #starter: ProcessStarter;
  #version: 1 | 2;
  #maxInFlight: number;
  #limits: { maxMessageSize?: number };
  #running = new Map<Errand, Shot>();

  /** Makes one; throws a `LocalProtocolError` for options that can't be. */
  constructor(starter: ProcessStarter, version: 1 | 2, options: ExtractorOptions) {
    super(options);
    const { maxInFlight = defaultMaxInFlight, ...limits } = options.limits ?? {};
    this.#starter = starter;
    this.#version = version;
    this.#maxInFlight = maxInFlight;
    this.#limits = limits;
    // What is wrong with the limits is told now, and not with the first request.
    new SingleShotClientProtocol({ version, limits });
  }

  protected override get isIdle(): boolean {
    return this.#running.size === 0;
  }

  protected override proceed(): void {
    for (const errand of this.waiting) {
      if (this.#running.size >= this.#maxInFlight || this.isClosed) return;
      this.waiting.delete(errand);
      this.track(this.#run(errand));
    }
  }

  /** Its process may have been started. */
  protected override isSent(errand: Errand): boolean {
    return this.#running.has(errand);
  }

  /** Nobody else has to do with its process. */
  protected override abandon(errand: Errand): void {
    const shot = this.#running.get(errand);
    shot?.starting.abort();
    void shot?.line?.end().catch(() => {});
  }

  protected override endAll(reason: DovewireError): void {
    for (const errand of [...this.waiting]) {
      this.giveUp(errand, () => notSentError(errand.method, reason));
    }
    for (const [errand, { line }] of this.#running) {
      this.giveUp(errand, () => {
        const { method } = errand;
        return line === undefined
          ? startingError(method, reason)
          : unansweredError(method, true, { line, answers: 0, reason });
      });
    }
  }

  protected override onTime(now: number): number {
    let next = Infinity;
    for (const errand of [...this.#running.keys(), ...this.waiting]) {
      if (errand.isSettled) continue;
      if (errand.deadline > now) next = Math.min(next, errand.deadline);
      else this.giveUpLate(errand, this.#peerOf(errand));
    }
    return next;
  }

  #peerOf(errand: Errand): string {
    return this.#running.get(errand)?.line?.transport.peer ?? "the extractor";
  }

  async #run(errand: Errand): Promise<void> {
    const shot: Shot = { starting: new AbortController(), line: undefined };
    this.#running.set(errand, shot);
    const { question } = errand;
    try {
      // What is wrong with the request is told before there is a process for it.
      const protocol = new SingleShotClientProtocol({
        version: this.#version,
        input: question.input,
        awaitsExit: true,
        limits: this.#limits,
      });
      shot.line = await waitForLine((signal) => this.#starter.start(signal, question), {
        timeout: this.openTimeout,
        signal: shot.starting.signal,
      });
      // Given up meanwhile.
      if (errand.isSettled) await shot.line.end();
      else await this.#converse(errand, shot.line, protocol);
    } catch (error) {
      if (!errand.isSettled) {
        // A process that isn't there in time may have been started all the same.
        const errorOf = error instanceof TimeoutError ? startingError : notSentError;
        errand.reject(errorOf(errand.method, error as DovewireError));
      }
    } finally {
      this.#running.delete(errand);
      this.proceed();
      this.ended();
    }
  }

  async #converse(
    errand: Errand,
    line: Line,
    protocol: SingleShotClientProtocol,
  ): Promise<void> {
    const { method } = errand;
    let reply: Reply | undefined;
    let failure: unknown;
    try {
      const driver = new Driver<SingleShotClientEvent>(protocol, line.transport, {
        onEvent(event) {
          if (event.type === "response") {
            reply = "header" in event
              ? { message: event.header, binary: event.binary }
              : { message: event.message };
          }
        },
        onReadEnd: () => line.expectExit(),
      });
      void line.exited?.then((status) => {
        protocol.exited(status);
        void driver.flush();
      });
      await driver.run();
    } catch (error) {
      failure = error;
    }
    await line.end();
    const exit = await line.exited;
    if (errand.isSettled) return;
    if (reply === undefined) {
      errand.reject(unansweredError(method, true, { line, answers: 0, exit, failure }));
    } else if (exit?.code === 0) {
      errand.resolve(reply);
    } else {
      // It should be a failure; if it isn't, this is what is to be said.
      const complaint = unansweredError(method, true, {
        line,
        answers: 0,
        exit,
        failure: endError({ unanswered: [1], exit }),
      });
      errand.resolve({ ...reply, complaint });
    }
  }
}
