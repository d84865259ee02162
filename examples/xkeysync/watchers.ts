/**
 * Those who wait for changes to users' keys.
 *
 * @module
 */

/** The functions to call after changes, by user. */
export class Watchers {
  readonly #watchers = new Map<string, Set<() => void>>();

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#watchers.size === 0;
  }

  /** Adds a function; returns one that removes it again. */
  add(user: string, onChange: () => void): () => void {
    const watchers = this.#watchers.get(user) ?? new Set();
    this.#watchers.set(user, watchers);
    // Two watchers may pass the same function, and each has to be called.
    const watcher = () => onChange();
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(user) === watchers) this.#watchers.delete(user);
    };
  }

  /** Calls the functions of a user. */
  tell(user: string): void {
    for (const watcher of this.#watchers.get(user) ?? []) watcher();
  }

  /** Calls all functions: changes may have been missed. */
  tellAll(): void {
    for (const user of this.#watchers.keys()) this.tell(user);
  }
}
