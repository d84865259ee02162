/**
 * Where the users' keys are kept.
 *
 * @module
 */

import type { PublicKey } from "./public_key.ts";

/**
 * The outcome of adding a key: "added"; "duplicate": the user has it already; "full": the user has as many
 * keys as the store allows.
 */
export type AddOutcome = "added" | "duplicate" | "full";

/**
 * A store of the users' public keys.
 *
 * The methods may be called at any time and at the same time. An error that one of them throws, or rejects
 * with, ends the IMAP command that called it with a NO; the client's connection goes on.
 */
export interface KeyStore {
  /** All keys of a user, in any order, as they are at one moment; none for an unknown user. */
  list(user: string): Promise<readonly PublicKey[]>;

  /** Adds a key. It must be in {@linkcode list} before the calls of {@linkcode watch}. */
  add(user: string, key: PublicKey): Promise<AddOutcome>;

  /** Removes a key; resolves to whether it was there. */
  remove(user: string, fingerprint: string): Promise<boolean>;

  /**
   * Calls `onChange` after each change of a user's keys, whoever made it; one call may stand for several
   * changes. Call it as well when changes may have been missed, for example after a lost connection to a
   * database: the caller compares the lists by itself.
   *
   * Resolves, when it watches, to a function that ends it. Changes since then are never missed.
   */
  watch(user: string, onChange: () => void): Promise<() => void>;
}
