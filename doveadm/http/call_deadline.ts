/**
 * How long a call over HTTP may take, from its beginning to its end.
 *
 * @module
 */

import { ConnectionLostError, type DovewireError, TimeoutError } from "../../core/errors.ts";
import { abortError, Deadline } from "../../transports/timers.ts";
import { timeoutError } from "../client/failures.ts";

/** Options for a {@linkcode CallDeadline}. */
export interface CallDeadlineOptions {
  /** The time limit in milliseconds, as `timeLimit()` gives it. */
  readonly timeout: number;
  /**
   * Whether the time is that of each row or value, and stands still while nobody asks for the next one;
   * otherwise it is that of the whole call.
   */
  readonly isStream?: boolean;
  /** The caller's signal. */
  readonly signal?: AbortSignal;
  /** Aborts when the client is closed. */
  readonly closing?: AbortSignal;
  /** Who is at the other end, for messages. */
  readonly peer: string;
}

/** What is waited for, for the error if that takes too long. */
export interface Waited {
  /** What messages call it: the command's name. */
  readonly name: string;
  /** Whether the command has left, so that it may run. */
  readonly sent: boolean;
}

/** What a deadline ends with, which nobody sees: the error depends on what is waited for then. */
const isOver = new Error("The call is over.");

/**
 * The time limit and the signals of one call: one clock for all that it waits for, its input, the
 * server's version, its turn, and its requests.
 */
export class CallDeadline {
  /** Whether the time is that of each row or value. */
  readonly isStream: boolean;
  readonly #options: CallDeadlineOptions;
  readonly #deadline: Deadline;
  readonly #callbacks = new Set<() => void>();
  /** What ended the call: a signal, or its time. */
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

  /** The error for what was waited for when the call had to end; `undefined` if it hasn't. */
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

  /** Throws the error for what is about to be done if the call has to end. */
  throwIfOver(waited: Waited): void {
    const error = this.errorFor(waited);
    if (error !== undefined) throw error;
  }

  /** Calls back when the call has to end. Gives a function that prevents that. */
  onEnd(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  /** Waits for something, but no longer than the call may take. */
  async wait<T>(work: Promise<T>, waited: Waited): Promise<T> {
    let forget = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        forget = this.onEnd(() => reject(this.errorFor(waited)));
        // Also if nobody waits any more, so that a rejection is never an unhandled one.
        work.then(resolve, reject);
        this.throwIfOver(waited);
      });
    } finally {
      forget();
    }
  }

  /** Learns that a row or value was given to the caller of a stream, who takes as long as they like. */
  given(): void {
    if (this.isStream) this.#deadline.pause();
  }

  /** Learns that the caller of a stream asks for the next row or value. */
  asked(): void {
    if (this.isStream) this.#deadline.restart();
  }

  /** Forgets the time and the signals: the call is done. */
  stop(): void {
    this.#deadline.stop();
  }
}
