/**
 * A bound on how many operations run at once; the others wait in the order in which they came.
 *
 * @module
 */

/** An operation that waits, in a list that any one can leave in constant time. */
interface Waiter {
  readonly go: () => void;
  previous: Waiter | undefined;
  next: Waiter | undefined;
}

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
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  /** Creates that number of places. */
  constructor(size: number) {
    this.#free = size;
  }

  /** Asks for a place. */
  take(): Slot {
    let isOwn = false;
    let waiter: Waiter | undefined;
    const taken = new Promise<void>((resolve) => {
      const go = () => {
        isOwn = true;
        waiter = undefined;
        resolve();
      };
      if (this.#free > 0) {
        this.#free--;
        go();
      } else {
        waiter = this.#append(go);
      }
    });
    const free = () => {
      if (waiter !== undefined) this.#remove(waiter);
      else if (isOwn) this.#giveBack();
      waiter = undefined;
      isOwn = false;
    };
    return { taken, free };
  }

  #giveBack(): void {
    const next = this.#first;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#remove(next);
    next.go();
  }

  #append(go: () => void): Waiter {
    const waiter: Waiter = { go, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    return this.#last = waiter;
  }

  #remove({ previous, next }: Waiter): void {
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}
