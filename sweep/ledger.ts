/**
 * Keeps a sweep's journal.
 *
 * @module
 */

import {
  decodeState,
  encodeOpen,
  encodeState,
  journalError,
  type OpenUser,
  type SweepJournal,
  type SweepState,
} from "./journal.ts";
import { OrderHash } from "./order_hash.ts";

/** One who waits for a save. */
interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A user that is not done. */
interface Open {
  readonly user: string;
  /** What stands in the journal for it. */
  readonly text: string;
}

/**
 * Knows which users are done, and saves it: all before a position, apart from some that are open. However
 * many users change at once, one save has them all.
 */
export class Ledger {
  readonly #journal: SweepJournal | undefined;
  readonly #hash = new OrderHash();
  readonly #open = new Map<number, Open>();
  #position = 0;
  #isSaving = false;
  #isChanged = false;
  #waiting: Waiting[] = [];
  #error: Error | undefined;
  #isOpen = false;

  /** Begins at the first user; without a journal it saves nothing. */
  constructor(journal: SweepJournal | undefined) {
    this.#journal = journal;
  }

  /** How many users were taken from the input. */
  get position(): number {
    return this.#position;
  }

  /** The fingerprint of their names. */
  get hash(): string {
    return this.#hash.value;
  }

  /** Reads the journal; `undefined` if there is nothing in it. Rejects with a `JournalError`. */
  async load(): Promise<SweepState | undefined> {
    let text: string | null | undefined;
    try {
      text = await this.#journal?.load();
      this.#isOpen = true;
    } catch (error) {
      throw journalError("read", error);
    }
    // Whatever the types say, databases return null for what they don't have.
    return text === undefined || text === null ? undefined : decodeState(text);
  }

  /** Notes a user that is done by an earlier run, or open since then. */
  skip(user: string, open?: OpenUser): void {
    this.#advance(user);
    if (open !== undefined) this.#set(open);
  }

  /** Notes a user from the input; returns its index. */
  take(user: string): number {
    const index = this.#advance(user);
    this.#set({ index, user, isBegun: false });
    return index;
  }

  /** Notes that the work for a user begins; resolves when that is saved. Rejects with a `JournalError`. */
  begin(index: number): void | Promise<void> {
    this.#set({ index, user: this.#open.get(index)!.user, isBegun: true });
    if (this.#journal !== undefined) return this.#changed();
  }

  /** Notes that the work for a user was not begun after all. */
  postpone(index: number): void {
    this.#set({ index, user: this.#open.get(index)!.user, isBegun: false });
    this.#isChanged = this.#journal !== undefined;
  }

  /** Notes that a user is done; it is saved soon. */
  end(index: number): void {
    this.#open.delete(index);
    // A failure is known by the next that begins, or by flush().
    this.#note();
  }

  /** Resolves when everything is saved. Rejects with a `JournalError`. */
  async flush(): Promise<void> {
    if (this.#isChanged || this.#isSaving) await this.#changed();
    if (this.#error !== undefined) throw this.#error;
  }

  /** Closes the journal, if it was opened. Rejects with a `JournalError`. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      await this.#journal?.close?.();
    } catch (error) {
      throw journalError("closed", error);
    }
  }

  #advance(user: string): number {
    this.#hash.add(user);
    return this.#position++;
  }

  #set(open: OpenUser): void {
    // Without a journal the text is made for nobody.
    const text = this.#journal === undefined ? "" : encodeOpen(open);
    this.#open.set(open.index, { user: open.user, text });
  }

  /** Resolves when what has changed is saved. */
  #changed(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      this.#waiting.push({ resolve, reject });
      this.#note();
    });
  }

  /** Has what has changed saved soon. */
  #note(): void {
    if (this.#journal === undefined || this.#error !== undefined) return;
    this.#isChanged = true;
    if (!this.#isSaving) void this.#save(this.#journal);
  }

  #encoded(): string {
    const open: string[] = [];
    for (const { text } of this.#open.values()) open.push(text);
    return encodeState({ position: this.#position, hash: this.hash, open });
  }

  async #save(journal: SweepJournal): Promise<void> {
    this.#isSaving = true;
    // What else changes in this turn is saved with it.
    await Promise.resolve();
    while (this.#isChanged && this.#error === undefined) {
      this.#isChanged = false;
      const waiting = this.#waiting.splice(0);
      try {
        await journal.save(this.#encoded());
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        this.#error = journalError("written", error);
        for (const { reject } of [...waiting, ...this.#waiting.splice(0)]) reject(this.#error);
      }
    }
    this.#isSaving = false;
  }
}
