/**
 * Timers, and what a limit in milliseconds may be: the same everywhere.
 *
 * @module
 */

import { AbortError, LocalProtocolError } from "../core/errors.ts";

/** How long a command may take unless its options say otherwise, in milliseconds. */
export const defaultTimeout = 60_000;

/** The longest delay that a timer of any runtime takes, in milliseconds: 31 bits, 24.8 days. */
const longestDelay = 0x7fff_ffff;

/**
 * A time limit from an option, in milliseconds, with `Infinity` for "no limit".
 *
 * 0 and `Infinity` both mean no limit. Throws a `LocalProtocolError` that names the option for `NaN`,
 * a negative number, and what is no number.
 */
export function timeLimit(option: string, value: number): number {
  if (typeof value === "number" && value >= 0) return value === 0 ? Infinity : value;
  throw new LocalProtocolError(
    `"${option}" is ${
      String(value)
    }: set it to a number of milliseconds, or to 0 or Infinity for ` +
      "no limit.",
  );
}

/** A timer that was started; it can be stopped as often as one likes. */
export interface Timer {
  /** Prevents the callback, if it hasn't been called yet. */
  stop(): void;
}

const neverFires: Timer = { stop: () => {} };

/**
 * Calls back once, after `delay` milliseconds; never if it is `Infinity`. Delays of more than 24.8
 * days, at which a runtime's own timers fire at once, are waited for as well.
 */
export function startTimer(delay: number, onTimeout: () => void): Timer {
  if (delay === Infinity) return neverFires;
  let left = delay;
  let timer: ReturnType<typeof setTimeout>;
  const start = () => {
    const step = Math.min(left, longestDelay);
    left -= step;
    timer = setTimeout(left > 0 ? start : onTimeout, step);
  };
  start();
  return { stop: () => clearTimeout(timer) };
}

/** A time-out as `setTimeout` takes it: 0 and Infinity stand for 24.8 days. */
export function timerOf(timeout: number): number {
  return timeout > 0 ? Math.min(timeout, longestDelay) : longestDelay;
}

/** The error for a command that the caller's signal aborted. */
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
