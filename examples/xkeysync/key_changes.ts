/**
 * What a client has to be told, so that it knows exactly the keys that a store has.
 *
 * @module
 */

import type { PublicKey } from "./public_key.ts";

/** A key that the client has to forget, or to learn. */
export type KeyChange =
  | { readonly type: "deleted"; readonly fingerprint: string }
  | { readonly type: "created"; readonly key: PublicKey };

/**
 * The changes from the keys that a client knows, by their fingerprints, to those of the store, in the order of
 * the fingerprints. A fingerprint counts once, however often it is given.
 */
export function keyChanges(
  known: ReadonlySet<string>,
  keys: readonly PublicKey[],
): readonly KeyChange[] {
  const stored = new Map(keys.map((key) => [key.fingerprint, key]));
  const changed = [
    ...[...known].filter((fingerprint) => !stored.has(fingerprint)),
    ...[...stored.keys()].filter((fingerprint) => !known.has(fingerprint)),
  ];
  return changed.sort().map((fingerprint): KeyChange => {
    const key = stored.get(fingerprint);
    return key === undefined ? { type: "deleted", fingerprint } : { type: "created", key };
  });
}
