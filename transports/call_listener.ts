/**
 * Calls functions that the caller of the library passed in.
 *
 * @module
 */

/**
 * Calls a listener that the caller may have set. An error that it throws is the caller's mistake and
 * changes nothing here: it surfaces as an uncaught error, like that of an event listener.
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
