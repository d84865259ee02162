/**
 * Keeps a sweep's journal.
 *
 * @module
 */

import {
  decodeState,
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

/**
 * Knows which users are done, and saves it: all before a position, apart from some that are open. However
 * many users change at once, one save has them all.
 */
export class Ledger {
  readonly #journal: SweepJournal | undefined;
  readonly #hash = new OrderHash();
  readonly #open = new Map<number, OpenUser>();
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
    if (open !== undefined) this.#open.set(open.index, open);
  }

  /** Notes a user from the input; returns its index. */
  take(user: string): number {
    const index = this.#advance(user);
    this.#open.set(index, { index, user, isBegun: false });
    return index;
  }

  /** Notes that the work for a user begins; resolves when that is saved. Rejects with a `JournalError`. */
  begin(index: number): void | Promise<void> {
    const { user } = this.#open.get(index)!;
    this.#open.set(index, { index, user, isBegun: true });
    if (this.#journal !== undefined) return this.#changed();
  }

  /** Notes that the work for a user was not begun after all. */
  postpone(index: number): void {
    this.#open.set(index, { ...this.#open.get(index)!, isBegun: false });
    this.#isChanged = this.#journal !== undefined;
  }

  /** Notes that a user is done; it is saved soon. */
  end(index: number): void {
    this.#open.delete(index);
    // A failure is known by the next that begins, or by flush().
    if (this.#journal !== undefined) this.#changed().catch(() => {});
  }

  /** Resolves when everything is saved. Rejects with a `JournalError`. */
  async flush(): Promise<void> {
    if (this.#isChanged || this.#isSaving) await this.#changed();
    if (this.#error !== undefined) throw this.#error;
  }

  /** Closes the journal, if it was opened. */
  async close(): Promise<void> {
    if (this.#isOpen) await this.#journal?.close?.();
  }

  #advance(user: string): number {
    this.#hash.add(user);
    return this.#position++;
  }

  #changed(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      this.#isChanged = true;
      this.#waiting.push({ resolve, reject });
      if (!this.#isSaving) void this.#save(this.#journal!);
    });
  }

  async #save(journal: SweepJournal): Promise<void> {
    this.#isSaving = true;
    // What else changes in this turn is saved with it.
    await Promise.resolve();
    while (this.#isChanged && this.#error === undefined) {
      this.#isChanged = false;
      const waiting = this.#waiting.splice(0);
      try {
        const open = [...this.#open.values()];
        await journal.save(encodeState({ position: this.#position, hash: this.hash, open }));
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        this.#error = journalError("written", error);
        for (const { reject } of [...waiting, ...this.#waiting.splice(0)]) reject(this.#error);
      }
    }
    this.#isSaving = false;
  }
}
