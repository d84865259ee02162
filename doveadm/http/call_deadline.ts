/**
 * The deadline of a call over HTTP.
 *
 * @module
 */

import { ConnectionLostError, type DovewireError, TimeoutError } from "../../core/errors.ts";
import { abortError, Deadline } from "../../transports/timers.ts";
import { timeoutError } from "../client/failures.ts";

/** Options for a {@linkcode CallDeadline}. */
export interface CallDeadlineOptions {
  /** The time limit in milliseconds, as `timeLimit()` returns it. */
  readonly timeout: number;
  /**
   * Whether the limit applies to each row or value, and stops while the caller requests none; otherwise it
   * applies to the whole call.
   */
  readonly isStream?: boolean;
  /** The caller's signal. */
  readonly signal?: AbortSignal;
  /** Aborts when the client is closed. */
  readonly closing?: AbortSignal;
  /** The other end, for messages. */
  readonly peer: string;
}

/** The current operation, for the error if it takes too long. */
export interface Waited {
  /** Its name in messages: the command's name. */
  readonly name: string;
  /** Whether the command was sent, so that it may run. */
  readonly sent: boolean;
}

/** What a deadline ends with, which nobody sees: the error depends on what is waited for then. */
const isOver = new Error("The call is over.");

/**
 * The time limit and signals of one call, shared by all its operations: its input, the server's version,
 * its turn, and its requests.
 */
export class CallDeadline {
  /** Whether the limit applies to each row or value. */
  readonly isStream: boolean;
  readonly #options: CallDeadlineOptions;
  readonly #deadline: Deadline;
  readonly #callbacks = new Set<() => void>();
  /** What ended the call: a signal, or the time limit. */
  #endedBy: AbortSignal | "time" | undefined;

  /** Starts the time. */
  constructor(options: CallDeadlineOptions) {
    const { timeout, signal, closing, isStream = false } = options;
    this.isStream = isStream;
    this.#options = options;
    this.#deadline = new Deadline({
      timeout,
      signals: [closing, signal],
      errorOf: (aborted) => {
        this.#endedBy = aborted ?? "time";
        return isOver;
      },
      onEnd: () => {
        for (const callback of [...this.#callbacks]) callback();
      },
    });
  }

  /** The error for the operation during which the call ended; `undefined` if it hasn't. */
  errorFor({ name, sent }: Waited): DovewireError | undefined {
    const { timeout, isStream = false, signal, closing, peer } = this.#options;
    if (this.#endedBy === undefined) return undefined;
    if (this.#endedBy === closing) {
      return new ConnectionLostError(`The client of ${peer} was closed.`, { sent });
    }
    if (this.#endedBy !== "time") return abortError(name, signal, sent);
    if (sent) return timeoutError(name, timeout, { peer, sent, isStream });
    return new TimeoutError(
      "command",
      `"${name}" was not sent to ${peer} within ${timeout} ms: it waited for its input, for the ` +
        'server\'s version, or for its turn. If that may take longer, raise "timeout".',
    );
  }

  /** Throws the error for the next operation if the call has ended. */
  throwIfOver(waited: Waited): void {
    const error = this.errorFor(waited);
    if (error !== undefined) throw error;
  }

  /** Calls back when the call ends. Returns a function that prevents that. */
  onEnd(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  /** Waits for a promise until the call ends. */
  async wait<T>(work: Promise<T>, waited: Waited): Promise<T> {
    let forget = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        forget = this.onEnd(() => reject(this.errorFor(waited)));
        // Called even if nobody waits any more, so that a rejection is never unhandled.
        work.then(resolve, reject);
        this.throwIfOver(waited);
      });
    } finally {
      forget();
    }
  }

  /** Pauses a stream's time limit: its caller got a row or value, and may take any time with it. */
  given(): void {
    if (this.isStream) this.#deadline.pause();
  }

  /** Resumes a stream's time limit: its caller requests the next row or value. */
  asked(): void {
    if (this.isStream) this.#deadline.restart();
  }

  /** Stops the time limit and the signals: the call is done. */
  stop(): void {
    this.#deadline.stop();
  }
}
