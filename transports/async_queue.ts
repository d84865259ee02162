/**
 * What stands between somebody who pushes and somebody who takes.
 *
 * @module
 */

import { Queue } from "../core/queue.ts";

/** How much may wait before who pushes is asked to wait, too. */
const defaultHighWaterMark = 262_144;

/** What an {@linkcode AsyncQueue} is made with. */
export interface AsyncQueueOptions<Item> {
  /** How much an item counts for. */
  sizeOf: (item: Item) => number;
  /** How much may wait before who pushes is asked to wait, too; 256 Ki if left out. */
  highWaterMark?: number;
}

/** A queue that is as long as who takes from it is slow, and tells who fills it to wait. */
export class AsyncQueue<Item> {
  #options: AsyncQueueOptions<Item>;
  #highWaterMark: number;
  #items = new Queue<Item>();
  #size = 0;
  #end: { error?: unknown } | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Makes an empty one. */
  constructor(options: AsyncQueueOptions<Item>) {
    this.#options = options;
    this.#highWaterMark = options.highWaterMark ?? defaultHighWaterMark;
  }

  /** Adds an item; where much is waiting already, resolves when some of it was taken. */
  push(item: Item): void | Promise<void> {
    if (this.#end !== undefined) return;
    this.#items.push(item);
    this.#size += this.#options.sizeOf(item);
    this.#wakeReader?.();
    if (this.#size > this.#highWaterMark) {
      return new Promise((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  /** Ends the queue after the items that are in it, without or with an error. */
  end(end: { error?: unknown }): void {
    this.#end ??= end;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** Throws away what waits, and what comes. */
  discard(): void {
    this.#items = new Queue();
    this.#size = 0;
    this.end({});
  }

  /** Whether there is another item, once that is known; throws the error that the queue ended with. */
  async hasNext(): Promise<boolean> {
    for (;;) {
      if (this.#items.size > 0) return true;
      if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return false;
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
  }

  /** The next item, or `undefined` after the last one; throws as {@linkcode hasNext} does. */
  async take(): Promise<Item | undefined> {
    return await this.hasNext() ? this.#shift() : undefined;
  }

  #shift(): Item {
    const item = this.#items.shift()!;
    this.#size -= this.#options.sizeOf(item);
    if (this.#size <= this.#highWaterMark / 2) {
      this.#wakeWriter?.();
      this.#wakeWriter = undefined;
    }
    return item;
  }
}
