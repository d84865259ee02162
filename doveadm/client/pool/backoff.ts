/**
 * How long to wait before the next connection is opened after some failed.
 *
 * @module
 */

import type { Clock } from "../../../transports/timers.ts";

/** The wait after the first failure, in milliseconds; each further one doubles it. */
const firstWait = 50;

/** The longest wait, in milliseconds. */
const longestWait = 5_000;

/**
 * The time of the next attempt to open a connection. Each wait is a random part, from a half to the whole,
 * of its length, so that many clients don't return to a server at the same moment.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #failedAt = -Infinity;
  #until = -Infinity;
  #spareUntil = -Infinity;

  /** `random` returns a number from 0 to less than 1. */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** How many attempts in a row failed. */
  get failures(): number {
    return this.#failures;
  }

  /** How many milliseconds are left until the next attempt; 0 if it may start. */
  get left(): number {
    return this.#leftUntil(this.#until);
  }

  /** The same for a connection that nobody waits for. */
  get leftForSpare(): number {
    return this.#leftUntil(this.#spareUntil);
  }

  /** Counts a failure, unless the attempt began before another failed, and so says nothing new. */
  fail(begunAt: number): void {
    if (begunAt < this.#failedAt) return;
    const whole = Math.min(longestWait, firstWait * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    this.#failedAt = this.#clock.now();
    this.#until = this.#failedAt + whole * (0.5 + this.#random() / 2);
    this.#spareUntil = this.#until;
  }

  /** All who waited got the last failure as their error: whoever comes next may try at once. */
  forgive(): void {
    this.#until = -Infinity;
  }

  /** A command was answered: failures are forgotten. */
  answered(): void {
    this.#failures = 0;
  }

  #leftUntil(time: number): number {
    return this.#failures === 0 ? 0 : Math.max(0, time - this.#clock.now());
  }
}
