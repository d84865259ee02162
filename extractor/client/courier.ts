/**
 * What carries requests to an extractor and answers back, whichever version is spoken.
 *
 * @module
 */

import {
  AbortError,
  ConnectionLostError,
  type DovewireError,
  LocalProtocolError,
  TimeoutError,
} from "@dovewire/dovewire/core";
import { Deadlines, Errand, type Question, type Reply } from "./errand.ts";
import type { ExtractorCallOptions, ExtractorOptions } from "./options.ts";
import { abortError, defaultTimeout, timerOf } from "@dovewire/dovewire/transports";

/** How long opening may take where nobody says otherwise, in milliseconds. */
const defaultOpenTimeout = 10_000;

/** How long closing may take where nobody says otherwise, in milliseconds. */
const defaultCloseTimeout = 5_000;

/** Carries requests: keeps those that wait, and gives up on those that are to be given up. */
export abstract class Courier {
  /** Requests that wait for their turn, in order. */
  protected readonly waiting: Set<Errand> = new Set();
  /** How long opening may take, in milliseconds; 0 for ever. */
  protected readonly openTimeout: number;
  /** The deadlines of all requests. */
  protected readonly deadlines: Deadlines = new Deadlines((now) => this.onTime(now));
  #timeout: number;
  #closeTimeout: number;
  #signal: AbortSignal | undefined;
  #state: "open" | "closing" | "closed" = "open";
  /** Aborts, with the error that tells why, when nothing goes on any more. */
  #ending = new AbortController();
  /** What is ending in the background. */
  #ends = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;
  #wakeClose = () => {};

  /** Makes one; throws a `LocalProtocolError` for options that can't be. */
  constructor({ timeout, openTimeout, closeTimeout, signal, limits }: ExtractorOptions) {
    const numbers = { timeout, openTimeout, closeTimeout };
    for (const [name, value] of Object.entries(numbers)) checkTimeout(name, value);
    const maxInFlight = limits?.maxInFlight;
    if (maxInFlight !== undefined && !(maxInFlight >= 1)) {
      throw new LocalProtocolError(`"maxInFlight" is ${maxInFlight}. Give a number from 1 on.`);
    }
    this.#timeout = timeout ?? defaultTimeout;
    this.openTimeout = openTimeout ?? defaultOpenTimeout;
    this.#closeTimeout = closeTimeout ?? defaultCloseTimeout;
    this.#signal = signal;
    if (!signal?.aborted) {
      signal?.addEventListener("abort", this.#onAbort);
      return;
    }
    // There is nothing yet that had to be ended.
    this.#state = "closed";
    this.#ending.abort(this.#abortError());
  }

  /** Aborts, with the error that tells why, when nothing goes on any more. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Carries a request; rejects with the error that it came to in place of an answer. */
  carry(question: Question, options: ExtractorCallOptions): Promise<Reply> {
    const { signal, timeout = this.#timeout } = options;
    const { method } = question;
    checkTimeout("timeout", timeout);
    if (signal?.aborted) return Promise.reject(abortError(method, signal, false));
    if (this.#state !== "open") {
      return Promise.reject(
        new ConnectionLostError(`Cannot send "${method}": the extractor's client is closed.`, {
          cause: this.#ending.signal.reason,
        }),
      );
    }
    const errand = new Errand(question, {
      timeout,
      signal,
      onAbort: (errand) => this.giveUp(errand, (sent) => abortError(method, signal, sent)),
    });
    this.waiting.add(errand);
    this.deadlines.watch(errand.deadline);
    this.proceed();
    return errand.reply;
  }

  /** Lets what was asked be answered, within bounds, and then ends all there is. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Whether no more requests are taken. */
  protected get isClosing(): boolean {
    return this.#state !== "open";
  }

  /** Whether nothing goes on any more. */
  protected get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Does what can be done now. */
  protected abstract proceed(): void;

  /** Whether there is nothing that has to end. */
  protected abstract readonly isIdle: boolean;

  /** Whether a request that doesn't wait any more may be carried out. */
  protected abstract isSent(errand: Errand): boolean;

  /** Learns that a request that doesn't wait any more was given up. */
  protected abstract abandon(errand: Errand): void;

  /** Gives up on everything. */
  protected abstract endAll(reason: DovewireError): void;

  /** Gives up on requests that took too long, and gives the next deadline. */
  protected abstract onTime(now: number): number;

  /** Gives up on a request, whether it waits or not. */
  protected giveUp(errand: Errand, errorFor: (sent: boolean) => DovewireError): void {
    if (errand.isSettled) return;
    if (this.waiting.delete(errand)) {
      errand.reject(errorFor(false));
    } else {
      errand.reject(errorFor(this.isSent(errand)));
      this.abandon(errand);
    }
    this.proceed();
  }

  /** Gives up on a request that took too long. */
  protected giveUpLate(errand: Errand, peer: string): void {
    const { method, timeout } = errand;
    this.giveUp(errand, (sent) => {
      const what = sent
        ? `"${method}" was not answered by ${peer} within ${timeout} ms.`
        : `"${method}" was not sent to ${peer} within ${timeout} ms: it waited for the start, or ` +
          "for requests ahead of it.";
      return new TimeoutError("command", `${what} If it may take longer, raise "timeout".`, {
        sent,
      });
    });
  }

  /** Has `close()` wait for something that is ending. */
  protected track(end: Promise<void>): void {
    const tracked: Promise<void> = end.catch(() => {}).then(() => {
      this.#ends.delete(tracked);
      this.#wakeClose();
    });
    this.#ends.add(tracked);
  }

  /** To be called whenever something has ended. */
  protected ended(): void {
    this.#wakeClose();
  }

  #onAbort = (): void => this.#shutDown(this.#abortError());

  #abortError(): AbortError {
    return new AbortError("The extractor's client was ended by its signal.", {
      cause: this.#signal?.reason,
    });
  }

  #shutDown(reason: DovewireError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.deadlines.stop();
    this.#ending.abort(reason);
    this.endAll(reason);
    this.#wakeClose();
  }

  async #close(): Promise<void> {
    if (this.#state === "open") this.#state = "closing";
    const timer = setTimeout(() => {
      this.#shutDown(
        new ConnectionLostError(
          `the extractor's client was closed, and ${this.#closeTimeout} ms were not enough to ` +
            'answer what was asked. If it may take longer, raise "closeTimeout".',
        ),
      );
    }, timerOf(this.#closeTimeout));
    this.proceed();
    while (this.#ends.size > 0 || this.waiting.size > 0 || !this.isIdle) {
      await new Promise<void>((resolve) => {
        this.#wakeClose = resolve;
      });
    }
    clearTimeout(timer);
    this.#shutDown(new ConnectionLostError("The extractor's client was closed."));
  }
}

function checkTimeout(name: string, value: number | undefined): void {
  if (value === undefined || value >= 0) return;
  throw new LocalProtocolError(`"${name}" is ${value}. Give milliseconds, or 0 for ever.`);
}
