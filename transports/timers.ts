/**
 * Time limits and abort signals, which end an operation early, the same everywhere.
 *
 * - {@linkcode timeLimit} reads an option in milliseconds: 0 and `Infinity` mean no limit.
 * - {@linkcode startTimer} is the one way to start a timer.
 * - {@linkcode onAbort} is the one way to listen to an `AbortSignal`: one listener per signal, whatever the
 *   number of operations.
 * - {@linkcode Deadline} joins the three for one operation.
 *
 * @module
 */

import { AbortError } from "../core/errors.ts";

export { timeLimit } from "../core/time_limit.ts";

/** How long a command may take unless its options say otherwise, in milliseconds. */
export const defaultTimeout = 60_000;

/** The longest delay that a timer of any runtime takes, in milliseconds: 31 bits, 24.8 days. */
const longestDelay = 0x7fff_ffff;

/** A started timer; it can be stopped any number of times. */
export interface Timer {
  /** Prevents the callback, if it hasn't been called yet. */
  stop(): void;
}

const neverFires: Timer = { stop: () => {} };

/**
 * Calls back once, after `delay` milliseconds; never if it is `Infinity`, and soon if it is negative, which Node and Deno
 * warn of. Delays of more than 24.8 days, at which a runtime's own timers fire at once, are waited for as well.
 */
export function startTimer(delay: number, onTimeout: () => void): Timer {
  return delay === Infinity ? neverFires : new RunningTimer(Math.max(0, delay), onTimeout);
}

/** A timer that is started in steps which a runtime's own timers take. */
class RunningTimer implements Timer {
  #timer: ReturnType<typeof setTimeout>;

  constructor(delay: number, onTimeout: () => void) {
    this.#timer = this.#start(delay, onTimeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(delay: number, onTimeout: () => void): ReturnType<typeof setTimeout> {
    if (delay <= longestDelay) return setTimeout(onTimeout, delay);
    return setTimeout(() => {
      this.#timer = this.#start(delay - longestDelay, onTimeout);
    }, longestDelay);
  }
}

/** The time, and timers. Tests have one that they move forward themselves. */
export interface Clock {
  /** The milliseconds since some moment in the past; never less than before. */
  now(): number;
  /** Calls back once, as {@linkcode startTimer} does. */
  startTimer(delay: number, onTimeout: () => void): Timer;
}

/** The runtime's own clock. */
export const systemClock: Clock = { now: () => performance.now(), startTimer };

/** The operations that wait for each signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back once, when a signal aborts; at once if it has aborted already. Returns a function that
 * prevents the call.
 *
 * However many callbacks wait for one signal, it has one listener: on every runtime, adding a listener
 * takes time in proportion to those that are there. The callbacks are called in the order in which
 * they were added, and must not throw.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  // Two calls may wait with the same function, and each has to be called.
  const entry = () => callback();
  let callbacks = waiting.get(signal);
  if (callbacks === undefined) {
    callbacks = new Set();
    waiting.set(signal, callbacks);
  }
  // A signal without callbacks has no listener, so that it keeps no objects alive.
  if (callbacks.size === 0) signal.addEventListener("abort", callAll);
  callbacks.add(entry);
  return () => {
    if (callbacks.delete(entry) && callbacks.size === 0) {
      signal.removeEventListener("abort", callAll);
    }
  };
}

/** The shared listener of all signals. */
function callAll(this: AbortSignal): void {
  const callbacks = waiting.get(this)!;
  waiting.delete(this);
  for (const callback of [...callbacks]) {
    // An earlier callback may have removed a later one.
    if (callbacks.delete(callback)) callback();
  }
}

/** Options for a {@linkcode Deadline}. */
export interface DeadlineOptions {
  /** The time limit in milliseconds, as {@linkcode timeLimit} returns it. */
  readonly timeout: number;
  /** Signals that end the operation early. */
  readonly signals?: readonly (AbortSignal | undefined)[];
  /**
   * Creates the error that the operation ends with: `aborted` is the signal that ended it, and
   * `undefined` where its time is over.
   */
  readonly errorOf: (aborted: AbortSignal | undefined) => Error;
  /**
   * Called with that error, once; never after {@linkcode Deadline.stop}. Called by the constructor if a
   * signal has aborted already.
   */
  readonly onEnd?: (error: Error) => void;
  /** The clock; the runtime's own if left out. */
  readonly clock?: Clock;
}

/**
 * When an operation has to end: when its time is over or when one of its signals aborts. Creating,
 * restarting and stopping it takes constant time, whatever the number of operations that use the same
 * signals.
 *
 * @example
 * ```ts ignore
 * const deadline = new Deadline({
 *   timeout: timeLimit("timeout", options.timeout),
 *   signals: [options.signal, closing],
 *   errorOf: (aborted) => aborted === undefined ? new TimeoutError(…) : new AbortError(…),
 *   onEnd: reject,
 * });
 * await fetch(url, { signal: deadline.signal });
 * deadline.stop();
 * ```
 */
export class Deadline {
  readonly #timeout: number;
  readonly #clock: Clock;
  readonly #errorOf: DeadlineOptions["errorOf"];
  readonly #onEnd: DeadlineOptions["onEnd"];
  readonly #forget: (() => void)[] = [];
  #controller: AbortController | undefined;
  #error: Error | undefined;
  #isStopped = false;
  /** When the time is over; `Infinity` while it doesn't run. */
  #endsAt = Infinity;
  /** The remaining time when it was paused. */
  #paused: number | undefined;
  #timer: Timer | undefined;

  /** Starts the time. */
  constructor({ timeout, signals = [], errorOf, onEnd, clock = systemClock }: DeadlineOptions) {
    this.#timeout = timeout;
    this.#clock = clock;
    this.#errorOf = errorOf;
    this.#onEnd = onEnd;
    for (const signal of signals) {
      if (signal === undefined || this.#isStopped) continue;
      this.#forget.push(onAbort(signal, () => this.#end(signal)));
    }
    this.restart();
  }

  /** The error that the operation ended with; `undefined` if it hasn't. */
  get error(): Error | undefined {
    return this.#error;
  }

  /**
   * A signal for functions that take one: aborts, with the error as its reason, when the operation has
   * to end.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#error !== undefined) this.#controller.abort(this.#error);
    }
    return this.#controller.signal;
  }

  /** How many milliseconds are left, at least 1; `Infinity` where there is no limit. */
  get left(): number {
    if (this.#timeout === Infinity) return Infinity;
    return this.#paused ?? Math.max(1, Math.ceil(this.#endsAt - this.#clock.now()));
  }

  /** Restarts the time with the full limit. */
  restart(): void {
    this.#run(this.#timeout);
  }

  /** Stops the time, but not the signals, until {@linkcode resume} or {@linkcode restart}. */
  pause(): void {
    if (this.#timeout === Infinity || this.#paused !== undefined) return;
    this.#paused = this.left;
    this.#endsAt = Infinity;
  }

  /** Continues with the time that was left at {@linkcode pause}. */
  resume(): void {
    if (this.#paused !== undefined) this.#run(this.#paused);
  }

  /** Stops the time and the signals: the operation is done, or has another deadline. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.stop();
    for (const forget of this.#forget.splice(0)) forget();
  }

  #run(time: number): void {
    this.#paused = undefined;
    if (this.#isStopped || time === Infinity) return;
    this.#endsAt = this.#clock.now() + time;
    // A running timer is kept: it checks the clock. A stream restarts its deadline for each piece.
    if (this.#timer === undefined) this.#startTimer(time);
  }

  #startTimer(time: number): void {
    this.#timer = this.#clock.startTimer(time, () => {
      this.#timer = undefined;
      const left = this.#endsAt - this.#clock.now();
      if (left <= 0) this.#end(undefined);
      else if (left < Infinity) this.#startTimer(left);
    });
  }

  #end(aborted: AbortSignal | undefined): void {
    if (this.#isStopped) return;
    this.stop();
    const error = this.#error = this.#errorOf(aborted);
    this.#controller?.abort(error);
    this.#onEnd?.(error);
  }
}

/** The error for a command that the caller's signal aborted. */
export function abortError(
  name: string,
  signal: AbortSignal | undefined,
  sent: boolean,
): AbortError {
  return new AbortError(
    `"${name}" was aborted` +
      (sent ? "; it was sent and may run all the same." : " before it was sent."),
    { cause: signal?.reason, sent },
  );
}
