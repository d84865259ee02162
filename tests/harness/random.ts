/**
 * Random choices that are the same on every runtime and in every run.
 *
 * @module
 */

/** A source of random choices; the same seed makes the same ones. */
export class Random {
  #state: number;

  /** Creates one with a seed, a whole number. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to `end`, exclusive: a counter whose bits are mixed. */
  below(end: number): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % end;
  }

  /** `true` with a probability of `percent` in 100. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of the items. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }

  /** From `least` to `most` of the items, with repetitions. */
  several<Item>(items: readonly Item[], least: number, most: number): Item[] {
    const count = least + this.below(most - least + 1);
    return Array.from({ length: count }, () => this.pick(items));
  }
}
