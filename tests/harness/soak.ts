/**
 * How large the tests of load and of large data are.
 *
 * @module
 */

import process from "node:process";

/** Whether they run at their full size, as `deno task test:soak` has them do. */
export const isSoak: boolean = process.env.DOVEWIRE_SOAK === "1";

/** The one number in a soak test, and otherwise the other. */
export function atFullSize(full: number, usual: number): number {
  return isSoak ? full : usual;
}
