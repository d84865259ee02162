/**
 * Limits how many operations run at once; the others wait in their order.
 *
 * @module
 */

import { Queue } from "../../core/queue.ts";

/** A slot, or a wait for one. */
export interface Slot {
  /** Resolves when the operation has the slot. */
  readonly taken: Promise<void>;
  /** Releases the slot, or stops waiting for it; may be called any number of times. */
  free(): void;
}

/** The slots for operations. */
export class Slots {
  #free: number;
  readonly #waiting = new Queue<() => void>();

  /** Creates that number of slots. */
  constructor(size: number) {
    this.#free = size;
  }

  /** Requests a slot. */
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
