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

/** Waits for changes, or for the end, whichever comes first. */
export class ChangeWatch {
  #state: "waiting" | "changed" | "ended" = "waiting";
  #wake: () => void = () => {};

  /** Call this after each change. */
  readonly onChange = (): void => this.#enter("changed");

  /** Call this when no further changes matter. */
  readonly end = (): void => this.#enter("ended");

  /**
   * Resolves to `true` if there was a change since the last call, or when there is one; to `false` at the end.
   */
  async next(): Promise<boolean> {
    while (this.#state === "waiting") {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#state === "ended") return false;
    this.#state = "waiting";
    return true;
  }

  #enter(state: "changed" | "ended"): void {
    if (this.#state !== "ended") this.#state = state;
    this.#wake();
  }
}
