/**
 * Pauses in work that never waits for anything else.
 *
 * @module
 */

import { startTimer } from "./timers.ts";

/** How long work may go on without a pause, in milliseconds. */
const longestTurn = 20;

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
      startTimer(0, () => {
        this.#since = performance.now();
        resolve();
      });
    });
  }
}
