/**
 * Pauses in work that never waits for anything else.
 *
 * @module
 */

import { startTimer } from "./timers.ts";

/** How long work may go on without a pause, in milliseconds. */
const longestTurn = 20;

/** Not all runtimes have it. */
const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => unknown };

/**
 * Pauses for a loop whose steps may all end at once: an `await` then takes no turn of the event loop, so that
 * no timer, signal or socket would be attended to before the loop's end.
 */
export class Pause {
  #since = performance.now();

  /** Lets the event loop take its turn, if the last one is long ago. */
  ifDue(): void | Promise<void> {
    if (performance.now() - this.#since < longestTurn) return;
    return new Promise((resolve) => {
      nextTurn(() => {
        this.#since = performance.now();
        resolve();
      });
    });
  }
}

/** Calls back in the next turn of the event loop: a timer takes a millisecond, a twentieth of what is spent until then. */
function nextTurn(call: () => void): void {
  if (setImmediate === undefined) startTimer(0, call);
  else setImmediate(call);
}
