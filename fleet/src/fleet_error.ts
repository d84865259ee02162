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
    throw new FleetError(`${what} failed in Redis: ${messageOf(cause)}`, {
      ...{ cause: withoutArguments(cause), sent: true },
    });
  }
}

/**
 * The same error, in which ioredis's note of the command has its name only: the arguments of a login are the
 * password.
 */
export function withoutArguments<Thrown>(error: Thrown): Thrown {
  if (!(error instanceof Error) || !("command" in error)) return error;
  const { name } = error.command as { readonly name?: unknown };
  error.command = { name };
  return error;
}
