/**
 * The size of the tests of load and of large data.
 *
 * @module
 */

import process from "node:process";

/** Whether they run at full size, as in `deno task test:soak`. */
export const isSoak: boolean = process.env.DOVEWIRE_SOAK === "1";

/** Returns the first number in a soak test, otherwise the second. */
export function atFullSize(full: number, usual: number): number {
  return isSoak ? full : usual;
}
