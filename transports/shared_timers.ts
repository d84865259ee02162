/**
 * Timers for many who wait for long.
 *
 * @module
 */

import { startTimer, type Timer } from "./timers.ts";

/** By how many milliseconds a callback may come late, at most. */
const mostLate = 1024;

/** The part of its delay by which a callback may come late. */
const partLate = 1 / 64;

/** A timer that several callbacks share. */
export class SharedTimer {
  readonly #callbacks = new Set<() => void>();
  readonly #timer: Timer;
  readonly #onOver: () => void;

  /** Starts it; `onOver` is called when it has nobody to call back any more, or has begun to. */
  constructor(delay: number, onOver: () => void) {
    this.#onOver = onOver;
    this.#timer = startTimer(delay, () => this.#end());
  }

  /** Calls back, too. */
  add(callback: () => void): void {
    this.#callbacks.add(callback);
  }

  /** Prevents the call of a callback, if it hasn't been called yet. */
  stop(callback: () => void): void {
    if (!this.#callbacks.delete(callback) || this.#callbacks.size > 0) return;
    this.#timer.stop();
    this.#onOver();
  }

  #end(): void {
    this.#onOver();
    // One of them may stop another.
    for (const callback of this.#callbacks) {
      this.#callbacks.delete(callback);
      callback();
    }
  }
}

/**
 * Timers of which those that end at about the same time share one of the runtime's, which takes more memory than all
 * else that waits. Each calls back late by up to a 64th of its delay, and by a second at most.
 */
export class SharedTimers {
  /** By when they end. */
  readonly #timers = new Map<number, SharedTimer>();

  /** How many timers of the runtime's run. */
  get size(): number {
    return this.#timers.size;
  }

  /** Calls back once, when `performance.now()` has reached a time; returns what stops that. */
  start(time: number, callback: () => void): SharedTimer {
    const now = performance.now();
    const late = Math.min(mostLate, Math.max(1, (time - now) * partLate));
    // Powers of two, so that those with other delays share them.
    const step = 2 ** Math.floor(Math.log2(late));
    const end = Math.ceil(time / step) * step;
    let timer = this.#timers.get(end);
    if (timer === undefined) {
      timer = new SharedTimer(Math.ceil(end - now), () => this.#timers.delete(end));
      this.#timers.set(end, timer);
    }
    timer.add(callback);
    return timer;
  }
}
