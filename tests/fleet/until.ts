/**
 * Waiting for what fleets do by themselves.
 *
 * @module
 */

/** Resolves when a condition holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}
