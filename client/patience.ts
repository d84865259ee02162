/**
 * How long to wait, and when to give up.
 *
 * @module
 */

import { AbortError, TimeoutError } from "./errors.ts";

/** How long a command may take where nobody says otherwise, in milliseconds. */
export const defaultTimeout = 60_000;

/** How long a timer can run, in milliseconds: what doesn't fit in 31 bits fires at once. */
const longestTimer = 0x7fff_ffff;

/** A time-out as a timer takes it: 0 stands for ever, and for ever for 24 days. */
export function timerOf(timeout: number): number {
  return timeout > 0 ? Math.min(timeout, longestTimer) : longestTimer;
}

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

/** The error for a command that its signal gave up on. */
export function abortError(
  name: string,
  signal: AbortSignal | undefined,
  sent: boolean,
): AbortError {
  return new AbortError(
    `"${name}" was given up by its signal` +
      (sent ? "; it was sent and may run all the same." : " before it was sent."),
    { cause: signal?.reason, sent },
  );
}
