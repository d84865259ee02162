/**
 * Waiting for what comes to be by itself.
 *
 * @module
 */

import assert from "node:assert/strict";

/** Resolves when a condition holds; fails after more than a minute, and says then what never came. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string = String(holds),
): Promise<void> {
  for (let turn = 0; !await holds(); turn++) {
    assert(turn < 12_000, `This never came: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
