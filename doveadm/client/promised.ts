/**
 * Functions that throw, and should reject.
 *
 * @module
 */

/** The promise that a function returns; rejects if the function throws. An async function would add a promise. */
export function promised<Value>(begin: () => Promise<Value>): Promise<Value> {
  try {
    return begin();
  } catch (error) {
    return Promise.reject(error);
  }
}
