/**
 * One timer for many times.
 *
 * @module
 */

import { type Clock, systemClock, type Timer } from "../../transports/timers.ts";

/**
 * Calls back by the earliest of the times that it is given. Nobody takes a time back: who is called looks at what
 * is due, and gives the next one. So a thing that ends in time, as nearly all do, starts and stops no timer.
 */
export class Alarm {
  readonly #onTime: () => void;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  /** When it calls back; `Infinity` for never, `-Infinity` once it is stopped. */
  #at = Infinity;

  /** Is given no time yet. The clock is the runtime's own if left out. */
  constructor(onTime: () => void, clock: Clock = systemClock) {
    this.#onTime = onTime;
    this.#clock = clock;
  }

  /** Calls back by then, in the clock's milliseconds. */
  callBy(time: number): void {
    if (time >= this.#at) return;
    this.#timer?.stop();
    this.#at = time;
    const delay = Math.max(0, Math.ceil(time - this.#clock.now()));
    this.#timer = this.#clock.startTimer(delay, () => {
      this.#at = Infinity;
      this.#onTime();
    });
  }

  /** Never calls back any more. */
  stop(): void {
    this.#timer?.stop();
    this.#at = -Infinity;
  }
}
