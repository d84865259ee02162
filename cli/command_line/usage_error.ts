/**
 * The error for a wrong command line.
 *
 * @module
 */

import { DovewireError } from "@dovewire/dovewire/core";

/** The command line is wrong; nothing was sent. */
export class UsageError extends DovewireError {
  /** The class's name. */
  override name = "UsageError";
  /** "usage". */
  override readonly code: string = "usage";
  /** The exit code: doveadm's for such a mistake. */
  readonly exitCode: number;

  /** Creates an error; the exit code is 64 if left out. */
  constructor(message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? 64;
  }
}
