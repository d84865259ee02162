/**
 * Requests of version 3: one process, or one transport, for many.
 *
 * @module
 */

import {
  type ExtractorClientLimits,
  ExtractorClientProtocol,
} from "@dovewire/dovewire/core/extractor";
import { ConnectionLostError, type DovewireError } from "@dovewire/dovewire/core";
import { Courier } from "./courier.ts";
import type { Errand } from "./errand.ts";
import { type Ending, notSentError, unansweredError } from "./failures.ts";
import { type Line, waitForLine } from "./line.ts";
import type { ExtractorOptions } from "./options.ts";
import { ExtractorSession } from "./session.ts";

/** How many requests are sent ahead of their answers where nobody says otherwise. */
const defaultMaxInFlight = 256;

/** How many bytes of requests are handed to the session at once, or one request more. */
const writeSize = 32_768;

/** Carries requests over one conversation after the other. */
export class Pipeline extends Courier {
  #open: (signal: AbortSignal) => Promise<Line>;
  #limits: Partial<ExtractorClientLimits> & { readonly maxInFlight: number };
  #session: ExtractorSession | undefined;
  #isOpening = false;
  /** What the session hasn't answered yet, given up or not, by its id. */
  #inFlight = new Map<number, Errand>();
  #ids = new Map<Errand, number>();

  /** Makes one; `open` opens what a conversation needs. */
  constructor(open: (signal: AbortSignal) => Promise<Line>, options: ExtractorOptions) {
    super(options);
    this.#open = open;
    this.#limits = { maxInFlight: defaultMaxInFlight, ...options.limits };
    // What is wrong with the limits is told now, and not with the first request.
    new ExtractorClientProtocol({ limits: this.#limits });
  }

  protected override get isIdle(): boolean {
    return this.#session === undefined && !this.#isOpening;
  }

  protected override proceed(): void {
    const session = this.#session;
    if (session === undefined) {
      if (this.waiting.size > 0 && !this.#isOpening && !this.isClosed) void this.#begin();
      return;
    }
    if (!session.isOpen) return;
    if (this.waiting.size === 0) {
      if (this.isClosing) session.finish();
    } else if (this.#inFlight.size < this.#limits.maxInFlight) {
      session.flush();
    }
  }

  /** What the session has can't be called back: it leaves sooner or later. */
  protected override isSent(errand: Errand): boolean {
    return this.#ids.has(errand);
  }

  /** Its answer will be thrown away; it can't be called back. */
  protected override abandon(errand: Errand): void {
    this.#ids.delete(errand);
  }

  protected override endAll(reason: DovewireError): void {
    if (this.#session !== undefined) this.#session.giveUp(reason);
    else this.#rejectAll([...this.waiting], reason);
  }

  /**
   * Gives up on the requests that took too long. If the process has said nothing since such a request
   * was called, and no request ahead of it still has time left, the process hangs; unless most of that
   * time went by before it was there at all.
   */
  protected override onTime(now: number): number {
    const session = this.#session;
    let next = Infinity;
    let hung: Errand | undefined;
    let hasTimeAhead = false;
    for (const errand of [...this.#inFlight.values(), ...this.waiting]) {
      if (errand.isSettled) continue;
      if (errand.deadline > now) {
        next = Math.min(next, errand.deadline);
        hasTimeAhead = true;
        continue;
      }
      const isSilent = session !== undefined && session.heardAt < errand.calledAt &&
        now - session.startedAt >= errand.timeout / 2;
      if (isSilent && !hasTimeAhead) hung ??= errand;
      this.giveUpLate(errand, session?.peer ?? "the extractor");
    }
    if (hung !== undefined && session === this.#session) {
      session?.giveUp(
        new ConnectionLostError(
          `The extractor was taken to hang and was ended: it said nothing at all for ` +
            `${hung.timeout} ms, while "${hung.method}" waited for its answer.`,
        ),
      );
    }
    return next;
  }

  /** Opens a line and starts a conversation. */
  async #begin(): Promise<void> {
    this.#isOpening = true;
    try {
      const line = await waitForLine(this.#open, {
        timeout: this.openTimeout,
        signal: this.ending,
      });
      const session = new ExtractorSession(line, this.#limits, {
        onRoom: () => this.#sendSome(session),
        onAnswer: (id, message) => this.#onAnswer(id, message),
        onEnd: (ending) => this.#onEnd(session, ending),
      });
      this.#session = session;
      this.track(session.over);
    } catch (error) {
      this.#rejectAll([...this.waiting], error as DovewireError);
    } finally {
      this.#isOpening = false;
    }
    this.proceed();
    this.ended();
  }

  /** Sends what leaves in one write, so that all else can still be given up. */
  #sendSome(session: ExtractorSession): void {
    let size = 0;
    for (const errand of this.waiting) {
      if (this.#inFlight.size >= this.#limits.maxInFlight || size >= writeSize) break;
      this.waiting.delete(errand);
      size += 8 + errand.method.length + errand.question.input.length;
      this.#send(session, errand);
    }
    if (this.waiting.size === 0) this.proceed();
  }

  #send(session: ExtractorSession, errand: Errand): void {
    const { method, input } = errand.question;
    try {
      const id = session.send(method, input);
      this.#inFlight.set(id, errand);
      this.#ids.set(errand, id);
    } catch (error) {
      errand.reject(error as DovewireError);
    }
  }

  #onAnswer(id: number, message: Uint8Array): void {
    const errand = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    if (errand !== undefined) {
      this.#ids.delete(errand);
      if (!errand.isSettled) errand.resolve({ message });
    }
    this.proceed();
  }

  #onEnd(session: ExtractorSession, ending: Ending): void {
    const unsent: Errand[] = [];
    for (const [id, errand] of this.#inFlight) {
      if (errand.isSettled) continue;
      if (session.isSent(id)) errand.reject(unansweredError(errand.method, true, ending));
      else unsent.push(errand);
    }
    this.#inFlight.clear();
    this.#ids.clear();
    this.#session = undefined;
    const rest = [...unsent, ...this.waiting];
    this.waiting.clear();
    // A process that answered nothing at all would have a successor that does no better.
    if (ending.answers > 0 && !this.isClosed) {
      for (const errand of rest) this.waiting.add(errand);
    } else {
      for (const errand of rest) errand.reject(unansweredError(errand.method, false, ending));
    }
    this.proceed();
    this.ended();
  }

  /** Rejects requests that were never sent, each with an error of its own. */
  #rejectAll(errands: readonly Errand[], reason: DovewireError): void {
    for (const errand of errands) {
      this.waiting.delete(errand);
      errand.reject(notSentError(errand.method, reason));
    }
  }
}
