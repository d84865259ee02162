/**
 * A queue whose items are found by their numbers.
 *
 * @module
 */

/** How many removed items are kept room for at least, so that a short queue isn't copied all the time. */
const leastRemoved = 32;

/**
 * Items with the numbers 1, 2, 3 …, most of which are removed in this order. Every operation takes constant
 * time, on average; a `Map` in which each item is soon removed takes several times as long.
 */
export class NumberedQueue<Item> {
  /** The items from the number `#before + 1` on; those that were removed are `undefined`. */
  #items: (Item | undefined)[] = [];
  #before = 0;
  /** Where the oldest item is in `#items`; its length if there is none. */
  #first = 0;

  /** The number of the last item that was added. */
  get last(): number {
    return this.#before + this.#items.length;
  }

  /** The oldest item; `undefined` if there is none. */
  get first(): Item | undefined {
    return this.get(this.#before + this.#first + 1);
  }

  /** Adds an item and returns its number. */
  push(item: Item): number {
    this.#items.push(item);
    return this.last;
  }

  /** The item with that number; `undefined` if it was removed or never added. */
  get(number: number): Item | undefined {
    const at = number - this.#before - 1;
    return at >= this.#first && at < this.#items.length ? this.#items[at] : undefined;
  }

  /** Removes the item with that number, if it is there. */
  delete(number: number): void {
    if (this.get(number) === undefined) return;
    const items = this.#items;
    items[number - this.#before - 1] = undefined;
    while (this.#first < items.length && items[this.#first] === undefined) this.#first++;
    // Removed items are dropped once they are half of the array, so that each item moves only once.
    if (this.#first < leastRemoved || this.#first * 2 < items.length) return;
    this.#items = items.slice(this.#first);
    this.#before += this.#first;
    this.#first = 0;
  }

  /** The items, oldest first. */
  *[Symbol.iterator](): Generator<Item, void, void> {
    for (const item of this.#items.slice(this.#first)) if (item !== undefined) yield item;
  }
}
