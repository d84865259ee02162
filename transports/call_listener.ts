/**
 * Calling functions that the caller of the library gave.
 *
 * @module
 */

/**
 * Calls a listener that the caller gave, if it gave one. What it throws is the caller's mistake and
 * disturbs nothing here: it surfaces as an uncaught error, as an event listener's does.
 */
export function callListener<Args extends readonly unknown[]>(
  listener: ((...args: Args) => void) | undefined,
  ...args: Args
): void {
  try {
    listener?.(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
