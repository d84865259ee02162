/**
 * Counts who listens to a signal.
 *
 * @module
 */

/** How many listeners a signal has. */
export interface ListenerCount {
  /** At the moment. */
  readonly now: number;
  /** At most so far. */
  readonly most: number;
}

/** Counts the listeners that are added to a signal from here on. */
export function countListeners(signal: AbortSignal): ListenerCount {
  const count = { now: 0, most: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof add>) => {
      count.most = Math.max(count.most, ++count.now);
      add(...args);
    },
    removeEventListener: (...args: Parameters<typeof remove>) => {
      count.now--;
      remove(...args);
    },
  });
  return count;
}
