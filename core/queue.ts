/**
 * A first-in, first-out queue.
 *
 * @module
 */

/** An item and its neighbours in a {@linkcode Queue}. */
interface Entry<Item> {
  readonly item: Item;
  previous: Entry<Item> | undefined;
  next: Entry<Item> | undefined;
  isQueued: boolean;
}

/**
 * A first-in, first-out queue from which any item can be removed, the newest one too. Every operation takes constant time,
 * whatever the length; an array's `shift()`, and the first item of a `Set` from which many were deleted, do
 * not.
 *
 * @example
 * ```ts
 * import { Queue } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const queue = new Queue<string>();
 * queue.push("one");
 * const remove = queue.push("two");
 * queue.push("three");
 * remove();
 * assert.equal(queue.shift(), "one");
 * assert.equal(queue.shift(), "three");
 * assert.equal(queue.shift(), undefined);
 * ```
 */
export class Queue<Item> {
  #first: Entry<Item> | undefined;
  #last: Entry<Item> | undefined;
  #size = 0;

  /** How many items there are. */
  get size(): number {
    return this.#size;
  }

  /** The items, oldest first; to remove one meanwhile is allowed only for the one that it is at. */
  *[Symbol.iterator](): Generator<Item, void, void> {
    for (let entry = this.#first; entry !== undefined;) {
      const { item, next } = entry;
      yield item;
      entry = next;
    }
  }

  /** The oldest item, which is not removed; `undefined` if there is none. */
  get first(): Item | undefined {
    return this.#first?.item;
  }

  /** Appends an item; returns a function that removes it and returns whether it was still there. */
  push(item: Item): () => boolean {
    const entry: Entry<Item> = { item, previous: this.#last, next: undefined, isQueued: true };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#size++;
    return () => this.#remove(entry);
  }

  /** Removes and returns the newest item; `undefined` if there is none. */
  pop(): Item | undefined {
    const entry = this.#last;
    if (entry === undefined) return undefined;
    this.#remove(entry);
    return entry.item;
  }

  /** Removes and returns the oldest item; `undefined` if there is none. */
  shift(): Item | undefined {
    const entry = this.#first;
    if (entry === undefined) return undefined;
    this.#remove(entry);
    return entry.item;
  }

  #remove(entry: Entry<Item>): boolean {
    if (!entry.isQueued) return false;
    entry.isQueued = false;
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    // So that a reference to a removed entry doesn't keep the others alive.
    entry.previous = entry.next = undefined;
    this.#size--;
    return true;
  }
}
