/**
 * How a handler says that a command failed.
 *
 * @module
 */

import { DovewireError, LocalProtocolError } from "../../core/mod.ts";

/** What a {@linkcode CommandFailure} has beside its code. */
export interface CommandFailureOptions {
  /** What stands behind the code in the reply: for "REFERRAL" the user and host to go to. */
  detail?: string;
  /** Why it failed, for the client's log; nothing is logged if left out. */
  log?: string;
  /** What this came of; stays on the server. */
  cause?: unknown;
}

/**
 * A command that failed, as a handler throws it: the code goes into the reply, and what is to be
 * logged to the client's log. Rows that went out before stay the rows that they are.
 *
 * @example
 * ```ts
 * import { CommandFailure } from "@dovewire/dovewire/server";
 *
 * const failure = new CommandFailure("NOUSER", { log: "There is no user zoe." });
 * console.assert(failure.code === "NOUSER");
 * ```
 */
export class CommandFailure extends DovewireError {
  /** The class's name. */
  override name = "CommandFailure";
  /** The code of the reply: "USAGE", "NOUSER", "NOTFOUND" …; "" for an unknown command. */
  override readonly code: string;
  /** What stands behind the code in the reply; "" for nothing. */
  readonly detail: string;
  /** Why it failed, for the client's log; `undefined` for nothing. */
  readonly log: string | undefined;

  /** Makes one; throws a `LocalProtocolError` for a code or detail that can't stand in a reply. */
  constructor(code: string, options: CommandFailureOptions = {}) {
    const { detail = "", log } = options;
    if (!/^[A-Z]*$/.test(code)) {
      throw new LocalProtocolError(
        `${JSON.stringify(code)} is no failure code. Use capital letters, like "NOTFOUND".`,
      );
    }
    if (/[\n\r]/.test(detail)) {
      throw new LocalProtocolError(
        "A failure's detail has a line end. Put such text into the log.",
      );
    }
    super(log ?? `The command failed: ${code === "" ? "it is unknown" : code}.`, options);
    this.code = code;
    this.detail = detail;
    this.log = log;
  }
}
