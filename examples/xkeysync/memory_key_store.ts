/**
 * A key store in memory.
 *
 * @module
 */

import { type AddOutcome, keyLimit, type KeyStore } from "./key_store.ts";
import type { PublicKey } from "./public_key.ts";
import { Watchers } from "./watchers.ts";

/** Options for a {@linkcode MemoryKeyStore}. */
export interface MemoryKeyStoreOptions {
  /** How many keys each user may have; 10 if left out, `Infinity` for no limit. */
  readonly maxKeys?: number;
}

/**
 * Keeps keys in memory, so that they are gone when the program ends.
 *
 * @example
 * ```ts ignore
 * const store = new MemoryKeyStore({ maxKeys: 3 });
 * await store.add("alice", (await readPublicKey(pem))!);
 * ```
 */
export class MemoryKeyStore implements KeyStore {
  readonly #maxKeys: number;
  /** By user, then by fingerprint. A user without keys has no entry. */
  readonly #keys = new Map<string, Map<string, PublicKey>>();
  readonly #watchers = new Watchers();

  /** Creates an empty store. */
  constructor({ maxKeys }: MemoryKeyStoreOptions = {}) {
    this.#maxKeys = keyLimit(maxKeys);
  }

  /** All keys of a user, the oldest first. */
  list(user: string): Promise<readonly PublicKey[]> {
    return Promise.resolve([...this.#keys.get(user)?.values() ?? []]);
  }

  /** Adds a key. */
  add(user: string, key: PublicKey): Promise<AddOutcome> {
    const keys = this.#keys.get(user) ?? new Map<string, PublicKey>();
    if (keys.has(key.fingerprint)) return Promise.resolve("duplicate");
    if (keys.size >= this.#maxKeys) return Promise.resolve("full");
    keys.set(key.fingerprint, key);
    this.#keys.set(user, keys);
    this.#watchers.tell(user);
    return Promise.resolve("added");
  }

  /** Removes a key; resolves to whether it was there. */
  remove(user: string, fingerprint: string): Promise<boolean> {
    const keys = this.#keys.get(user);
    if (!keys?.delete(fingerprint)) return Promise.resolve(false);
    if (keys.size === 0) this.#keys.delete(user);
    this.#watchers.tell(user);
    return Promise.resolve(true);
  }

  /** Calls back after each change of a user's keys. */
  watch(user: string, onChange: () => void): Promise<() => void> {
    return Promise.resolve(this.#watchers.add(user, onChange));
  }
}
