/**
 * A queue between a producer and a consumer, with backpressure.
 *
 * @module
 */

import { Queue } from "../core/queue.ts";

/** The high-water mark for backpressure, if none is given. */
const defaultHighWaterMark = 262_144;

/** Options for an {@linkcode AsyncQueue}. */
export interface AsyncQueueOptions<Item> {
  /** The size of an item. */
  sizeOf: (item: Item) => number;
  /** The high-water mark for backpressure; 256 Ki if left out. */
  highWaterMark?: number;
}

/** A queue without a fixed length that makes its producer wait above its high-water mark. */
export class AsyncQueue<Item> {
  #options: AsyncQueueOptions<Item>;
  #highWaterMark: number;
  #items = new Queue<Item>();
  #size = 0;
  #end: { error?: unknown } | undefined;
  #isReleased = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  /** Settles the promise of {@linkcode whenUsed}. */
  #tellUse: ((isUsed: boolean) => void) | undefined;

  /** Creates an empty queue. */
  constructor(options: AsyncQueueOptions<Item>) {
    this.#options = options;
    this.#highWaterMark = options.highWaterMark ?? defaultHighWaterMark;
  }

  /** Adds an item; above the high-water mark, resolves when some items were taken. */
  push(item: Item): void | Promise<void> {
    if (this.#end !== undefined) return;
    this.#items.push(item);
    this.#size += this.#options.sizeOf(item);
    this.#wakeReader?.();
    if (this.#size > this.#highWaterMark && !this.#isReleased) {
      return new Promise((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  /** Ends the queue after the items in it, with or without an error. */
  end(end: { error?: unknown }): void {
    this.#end ??= end;
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#tellUse?.(false);
  }

  /** Has the producer wait no more: it ends soon, and the items in the queue may never be taken. */
  release(): void {
    this.#isReleased = true;
    this.#wakeWriter?.();
    this.#tellUse?.(false);
  }

  /** Discards the items in the queue and all later ones. */
  discard(): void {
    this.#items = new Queue();
    this.#size = 0;
    this.end({});
  }

  /**
   * Whether the reader has taken all items and asked for another one, so that it is done with them; resolves
   * with `true` when it is. `false`, at once or later, if the queue has ended or was released before: then nobody knows.
   */
  whenUsed(): boolean | Promise<boolean> {
    if (this.#end !== undefined || this.#isReleased) return false;
    if (this.#items.size === 0 && this.#wakeReader !== undefined) return true;
    return new Promise((resolve) => {
      this.#tellUse = (isUsed) => {
        this.#tellUse = undefined;
        resolve(isUsed);
      };
    });
  }

  /** Waits until it is known whether there is another item; throws the error that the queue ended with. */
  async hasNext(): Promise<boolean> {
    for (;;) {
      if (this.#items.size > 0) return true;
      if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return false;
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
        this.#tellUse?.(true);
      });
      this.#wakeReader = undefined;
    }
  }

  /** The next item, or `undefined` after the last one; throws as {@linkcode hasNext} does. */
  async take(): Promise<Item | undefined> {
    if (this.#items.size === 0 && !await this.hasNext()) return undefined;
    return this.#shift();
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
