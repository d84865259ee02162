/**
 * Limits on the memory that a server's answers may use.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { shownValue } from "../../core/option_checks.ts";

/** Limits on the memory that a server's answers may use. */
export interface HttpLimits {
  /**
   * The answer to one command, in bytes, decompressed; 128 MiB if left out. If rows are streamed, the limit
   * applies to each row.
   */
  reply?: number;
  /**
   * The number of values in an answer, or in a row if rows are streamed, since an empty value takes memory
   * as well; also of items in lists. 2,000,000 if left out.
   */
  values?: number;
}

/** The limits with their defaults. Throws a `LocalProtocolError` for limits out of range. */
export function limitsWithDefaults(
  { reply = 128 * 1024 * 1024, values = 2_000_000 }: HttpLimits = {},
): Required<HttpLimits> {
  const limits = { reply, values };
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit !== "number" || !(limit > 0)) {
      throw new LocalProtocolError(
        `"limits.${name}" is ${shownValue(limit)}. Set it to a number above 0.`,
      );
    }
  }
  return limits;
}
