/**
 * The error of fleets.
 *
 * @module
 */

import { DovewireError, messageOf } from "@dovewire/dovewire/core";

/** Redis can't be used, or has something else than was expected. */
export class FleetError extends DovewireError {
  /** The class's name. */
  override name = "FleetError";
  /** "fleet". */
  override readonly code: string = "fleet";
}

/** Runs something that uses Redis; rejects with a {@linkcode FleetError} if it fails. */
export async function withRedis<Result>(
  what: string,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof DovewireError) throw cause;
    throw new FleetError(`${what} failed in Redis: ${messageOf(cause)}`, { cause, sent: true });
  }
}
