/**
 * How much a server can make a client over HTTP hold.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";

/** How much a server can make a client hold. */
export interface HttpLimits {
  /**
   * The answer to one command, in bytes, decompressed; 128 MiB if left out. If rows are streamed, each of
   * them has this limit.
   */
  reply?: number;
  /**
   * How many values an answer may have, or a row if rows are streamed, since an empty one takes memory as
   * well; 2,000,000 if left out.
   */
  values?: number;
}

/** The limits, with what was left out. Throws a `LocalProtocolError` for limits out of range. */
export function limitsWithDefaults(
  { reply = 128 * 1024 * 1024, values = 2_000_000 }: HttpLimits = {},
): Required<HttpLimits> {
  const limits = { reply, values };
  for (const [name, limit] of Object.entries(limits)) {
    if (!(limit > 0)) {
      throw new LocalProtocolError(`"limits.${name}" is ${limit}. Set it to a number above 0.`);
    }
  }
  return limits;
}
