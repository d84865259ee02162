/**
 * Watches a store that may be down.
 *
 * @module
 */

import { startTimer, type Timer } from "../../transports/timers.ts";
import type { KeyStore } from "./key_store.ts";

/** The pause before a second try, and the longest before any, in milliseconds. */
const [firstPause, longestPause] = [200, 10_000];

/**
 * Watches a user's keys as the store's {@linkcode KeyStore.watch} does, but if that fails, it tries again until it is
 * ended: it calls `onChange` once it watches, since changes may have been missed.
 *
 * Resolves, after the first try, to a function that ends it; never rejects.
 */
export async function watchPatiently(
  store: KeyStore,
  user: string,
  onChange: () => void,
): Promise<() => void> {
  let isOver = false;
  let stop = () => {};
  let timer: Timer | undefined;
  const watch = async (pause: number, onWatching: () => void) => {
    try {
      stop = await store.watch(user, onChange);
      if (isOver) stop();
      else onWatching();
    } catch {
      if (isOver) return;
      const next = Math.min(2 * pause, longestPause);
      timer = startTimer(pause, () => void watch(next, onChange));
    }
  };
  await watch(firstPause, () => {});
  return () => {
    isOver = true;
    timer?.stop();
    stop();
  };
}
