/**
 * A bound on how many operations run at once; the others wait in the order in which they came.
 *
 * @module
 */

import { Queue } from "../../core/queue.ts";

/** A place that was taken, or that is waited for. */
export interface Slot {
  /** Resolves when the place is the operation's own. */
  readonly taken: Promise<void>;
  /** Gives the place back, or stops waiting for it; may be called as often as one likes. */
  free(): void;
}

/** Places for operations. */
export class Slots {
  #free: number;
  readonly #waiting = new Queue<() => void>();

  /** Creates that number of places. */
  constructor(size: number) {
    this.#free = size;
  }

  /** Asks for a place. */
  take(): Slot {
    let isOwn = false;
    let leave = (): unknown => undefined;
    const taken = new Promise<void>((resolve) => {
      const go = () => {
        isOwn = true;
        resolve();
      };
      if (this.#free === 0) leave = this.#waiting.push(go);
      else {
        this.#free--;
        go();
      }
    });
    const free = () => {
      leave();
      if (isOwn) this.#giveBack();
      isOwn = false;
    };
    return { taken, free };
  }

  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
