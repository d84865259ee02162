/**
 * Timers that a test holds back and lets fire, where what it tests has no clock that a test could move.
 *
 * @module
 */

type Handler = (...args: unknown[]) => void;

/** Holds back some of the timers that are started until it is disposed of. */
export class HeldTimers implements Disposable {
  readonly #held = new Map<unknown, () => void>();
  readonly #restore: () => void;
  #started = 0;

  /** Begins; `isHeld` gets a timer's delay in milliseconds. */
  constructor(isHeld: (delay: number) => boolean) {
    const { setTimeout, clearTimeout } = globalThis;
    const start = (handler: Handler, delay = 0, ...args: unknown[]) => {
      if (!isHeld(delay)) return setTimeout(handler, delay, ...args);
      const timer = {};
      this.#started++;
      this.#held.set(timer, () => handler(...args));
      return timer;
    };
    const stop = (timer: Parameters<typeof clearTimeout>[0]) => {
      if (!this.#held.delete(timer)) clearTimeout(timer);
    };
    Object.assign(globalThis, { setTimeout: start, clearTimeout: stop });
    this.#restore = () => void Object.assign(globalThis, { setTimeout, clearTimeout });
  }

  /** How many are held back now: those that were stopped don't count. */
  get count(): number {
    return this.#held.size;
  }

  /** How many have been held back so far. */
  get started(): number {
    return this.#started;
  }

  /** Lets those that are held back now fire. */
  fire(): void {
    const handlers = [...this.#held.values()];
    this.#held.clear();
    for (const handler of handlers) handler();
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
