/**
 * How long to wait, and when to give up.
 *
 * @module
 */

import { TimeoutError } from "../../core/errors.ts";
import { abortError, timerOf } from "../../transports/timers.ts";

/** What {@linkcode Patience} is made of. */
export interface PatienceOptions {
  /** The caller's signal. */
  signal?: AbortSignal;
  /** From now on, in milliseconds; 0 for ever. */
  timeout: number;
  /** Aborts, with the error to give, when the client is closed. */
  closing: AbortSignal;
}

/** A command's patience while it waits to be sent: its signal and its time-out in one. */
export class Patience {
  #controller = new AbortController();
  #deadline: number;
  #forget: () => void;

  /** Begins to wait; `name` is the command's, for messages. */
  constructor(name: string, { signal, timeout, closing }: PatienceOptions) {
    this.#deadline = timeout > 0 ? performance.now() + timeout : Infinity;
    const abort = () => this.#controller.abort(abortError(name, signal, false));
    const close = () => this.#controller.abort(closing.reason);
    const timer = setTimeout(() => {
      this.#controller.abort(
        new TimeoutError(
          "command",
          `"${name}" was not sent within ${timeout} ms: it waited for a connection, or for the ` +
            'commands ahead of it. If that may take longer, raise "timeout".',
        ),
      );
    }, timerOf(timeout));
    this.#forget = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      closing.removeEventListener("abort", close);
    };
    signal?.addEventListener("abort", abort);
    closing.addEventListener("abort", close);
    if (signal?.aborted) abort();
    if (closing.aborted) close();
    this.signal.addEventListener("abort", this.#forget);
    if (this.signal.aborted) this.#forget();
  }

  /** Aborts, with the error to give as its reason, when the patience is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** How many milliseconds are left of the time-out; 0 stands for ever. */
  get left(): number {
    return this.#deadline === Infinity
      ? 0
      : Math.max(1, Math.ceil(this.#deadline - performance.now()));
  }

  /** Ends the waiting: somebody else looks at the signal and the clock from here on. */
  end(): void {
    this.#forget();
  }
}
