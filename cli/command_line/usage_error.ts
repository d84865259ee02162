/**
 * The error for a wrong command line.
 *
 * @module
 */

import { DovewireError } from "@dovewire/dovewire/core";

/** The longest message, in characters: words of a command line, which it quotes, may have any length. */
const longest = 2000;

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
    super(shortened(message), options);
    this.exitCode = options.exitCode ?? 64;
  }
}

/** A message without its middle if it is too long: what is wrong stands at its ends. */
function shortened(message: string): string {
  if (message.length <= longest) return message;
  return `${message.slice(0, longest / 2)}…${message.slice(1 - longest / 2)}`.toWellFormed();
}
