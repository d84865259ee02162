/**
 * A journal in memory, which a test can look into, stop and break.
 *
 * @module
 */

import type { SweepJournal } from "../../sweep/mod.ts";

/** A journal in memory. */
export class MemoryJournal implements SweepJournal {
  text: string | undefined;
  saves = 0;
  longest = 0;
  closed = 0;
  /** Called before each save; may throw, or make it wait. */
  onSave: () => void | Promise<void> = () => {};

  load(): Promise<string | undefined> {
    return Promise.resolve(this.text);
  }

  async save(text: string): Promise<void> {
    await this.onSave();
    this.saves++;
    this.longest = Math.max(this.longest, text.length);
    this.text = text;
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }

  /** A journal that has what this one has now, as after a kill. */
  copy(): MemoryJournal {
    const copy = new MemoryJournal();
    copy.text = this.text;
    return copy;
  }

  /** The open users: index, name, and 1 if they were begun. */
  get open(): readonly (readonly [number, string, number])[] {
    return JSON.parse(this.text!).open;
  }
}

/** All that an async iterable yields. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const taken: Item[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

/** The names of so many users. */
export function names(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `user${at}`);
}

/** The same names, one after the other, and how many were taken. */
export async function* slowly(users: Iterable<string>): AsyncGenerator<string, void, void> {
  for (const user of users) {
    await Promise.resolve();
    yield user;
  }
}
