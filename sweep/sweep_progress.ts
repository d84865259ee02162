/**
 * How far a sweep is.
 *
 * @module
 */

import { callListener } from "../transports/call_listener.ts";
import type { Clock, Timer } from "../transports/timers.ts";

/** How far a sweep is. */
export interface SweepProgress {
  /** How many users are done, those of earlier runs and failures included. */
  readonly done: number;
  /** How many of them failed in this run. */
  readonly failed: number;
  /** How many of them were done by earlier runs. */
  readonly skipped: number;
  /** For how many users the work is under way. */
  readonly running: number;
  /** How many users there are; `undefined` as long as it is unknown. */
  readonly total: number | undefined;
  /** Users a second, in the last half minute. */
  readonly rate: number;
  /** How many milliseconds are left, at that rate; `undefined` if that is unknown. */
  readonly timeLeft: number | undefined;
}

/** What the progress is made of. */
export type SweepCounts = Omit<SweepProgress, "rate" | "timeLeft">;

/** How long the rate looks back, in milliseconds. */
const window = 30_000;

/** The least time between two points of it, in milliseconds. */
const step = 500;

/** Options for a {@linkcode ProgressTeller}. */
export interface ProgressOptions {
  readonly clock: Clock;
  readonly interval: number;
  readonly listener: ((progress: SweepProgress) => void) | undefined;
  readonly counts: () => SweepCounts;
}

/** Tells the progress again and again. */
export class ProgressTeller {
  readonly #options: ProgressOptions;
  /** When how many were done, oldest first. */
  #points: { readonly at: number; readonly done: number }[] = [];
  #timer: Timer | undefined;

  /** Tells nothing yet. */
  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Starts: what is done by now took no time. */
  start(): void {
    const { listener, clock, counts } = this.#options;
    if (listener === undefined) return;
    this.#points = [{ at: clock.now(), done: counts().done }];
    this.#startTimer();
  }

  /** Stops, and tells the end. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer.stop();
    this.#timer = undefined;
    this.#tell();
  }

  #startTimer(): void {
    const { clock, interval } = this.#options;
    this.#timer = clock.startTimer(interval, () => {
      this.#startTimer();
      this.#tell();
    });
  }

  #tell(): void {
    const { listener, clock, counts } = this.#options;
    const now = clock.now();
    const { done, total, ...others } = counts();
    const points = this.#points;
    // The last point before the window stays: the rate is for no less than the window.
    while (points.length > 1 && points[1].at <= now - window) points.shift();
    const [first] = points;
    const rate = now > first.at ? (done - first.done) / (now - first.at) * 1000 : 0;
    if (now >= points.at(-1)!.at + step) points.push({ at: now, done });
    const left = total === undefined ? undefined : Math.max(0, total - done);
    callListener(listener, { done, total, ...others, rate, timeLeft: timeFor(left, rate) });
  }
}

/** How many milliseconds so many users take at a rate. */
function timeFor(users: number | undefined, rate: number): number | undefined {
  if (users === 0) return 0;
  return users === undefined || rate === 0 ? undefined : users / rate * 1000;
}
