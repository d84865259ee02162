/**
 * How long to wait for a request over HTTP, and when to give up.
 *
 * @module
 */

import type { DovewireError } from "../../core/mod.ts";
import { timeoutError } from "../client/failures.ts";
import { abortError, timerOf } from "../../transports/timers.ts";

/** What {@linkcode HttpPatience} is made of. */
export interface HttpPatienceOptions {
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** In milliseconds; 0 for ever. */
  readonly timeout: number;
  /** Whether the time counts for each wait on its own, and not for all of the request. */
  readonly isStream: boolean;
  /** Who is at the other end. */
  readonly peer: string;
}

/** A request's patience: the caller's signal and the time-out in one signal for `fetch`. */
export class HttpPatience {
  #name: string;
  #options: HttpPatienceOptions;
  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sent = false;
  #abort: () => void;

  /** Begins to wait; `name` is what the request is called in messages. */
  constructor(name: string, options: HttpPatienceOptions) {
    this.#name = name;
    this.#options = options;
    const { signal, isStream } = options;
    this.#abort = () => {
      clearTimeout(this.#timer);
      this.#controller.abort(abortError(name, signal, this.#sent));
    };
    signal?.addEventListener("abort", this.#abort);
    if (signal?.aborted) this.#abort();
    if (!isStream) this.#startTimer();
  }

  /** Aborts, with the error to give as its reason, when the patience is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The error to give, if the patience is over. */
  get error(): DovewireError | undefined {
    return this.signal.aborted ? this.signal.reason : undefined;
  }

  /** Learns that the request leaves now, so that its commands may run. */
  sending(): void {
    this.#sent = true;
  }

  /** Waits for something; of a stream, the time runs meanwhile. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    if (!this.#options.isStream) return await promise;
    this.#startTimer();
    try {
      return await promise;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Ends the waiting, and with it the request, should it still be under way. */
  end(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }

  #startTimer(): void {
    const { timeout, peer, isStream } = this.#options;
    this.#timer = setTimeout(() => {
      const how = { peer, sent: this.#sent, isStream };
      this.#controller.abort(timeoutError(this.#name, timeout, how));
    }, timerOf(timeout));
  }
}
