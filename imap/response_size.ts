/**
 * How much memory responses take.
 *
 * @module
 */

import type { ImapValue } from "../core/imap/mod.ts";
import type { LongResponse } from "./client_options.ts";

/** What a response or a value takes besides its text, in bytes. */
const overhead = 64;

/** How much memory a response takes, roughly, in bytes. */
export function sizeOf(response: LongResponse): number {
  return response.type === "untagged"
    ? overhead + response.name.length + sizeOfValues(response.values)
    : overhead + response.text.length;
}

function sizeOfValues(values: readonly ImapValue[]): number {
  let size = 0;
  for (const value of values) {
    size += overhead;
    if (value.type === "atom") size += value.text.length;
    else if (value.type === "string") size += value.bytes.length;
    else size += sizeOfValues(value.values);
  }
  return size;
}
