/**
 * Where the users' keys are kept.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import type { PublicKey } from "./public_key.ts";

/**
 * The outcome of adding a key: "added"; "duplicate": the user has it already; "full": the user has as many
 * keys as the store allows.
 */
export type AddOutcome = "added" | "duplicate" | "full";

/** Options for stores that outlive the program. */
export interface LastingStoreOptions {
  /** How many keys each user may have; 10 if left out, `Infinity` for no limit. */
  readonly maxKeys?: number;
  /**
   * Called when the store stops working, once for each outage; the callers of its methods get their own errors.
   */
  readonly onError?: (error: unknown) => void;
}

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

  /** Frees what the store holds. The relay calls it at its end. */
  close?(): void | Promise<void>;
}

/** How many keys each user may have, from an option. Throws a `LocalProtocolError` for what is no number. */
export function keyLimit(maxKeys: number = 10): number {
  if (typeof maxKeys === "number" && maxKeys >= 0) return maxKeys;
  throw new LocalProtocolError(
    `"maxKeys" is ${String(maxKeys)}. Set it to a number of keys, or to Infinity for no limit.`,
  );
}
