/**
 * A clock that a test moves, so that no test waits.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../../transports/timers.ts";

/** Resolves when everything has happened that doesn't wait for time, sockets or other processes. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is moved; it begins at 0. */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly onTimeout: () => void }>();

  now(): number {
    return this.#now;
  }

  startTimer(delay: number, onTimeout: () => void): Timer {
    const timer = { at: this.#now + delay, onTimeout };
    if (delay !== Infinity) this.#timers.add(timer);
    return { stop: () => void this.#timers.delete(timer) };
  }

  /** How many timers run. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves the time: timers call back when it is theirs, and what they begin happens before the next. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.onTimeout();
      await settled();
    }
    this.#now = end;
  }

  /** Resolves after that time. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.startTimer(milliseconds, resolve));
  }
}
