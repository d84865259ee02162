/**
 * The error with which a handler fails a command.
 *
 * @module
 */

import { DovewireError, LocalProtocolError } from "../../core/mod.ts";
import { shownValue } from "../../core/option_checks.ts";

/** How many characters the code and the detail of a failure may have: of UTF-8, less than this client takes. */
const longestStatus = 2048;

/** Options for a {@linkcode CommandFailure}. */
export interface CommandFailureOptions {
  /** Text after the code in the reply: for "REFERRAL" the user and host to go to. */
  detail?: string;
  /** Why it failed, for the client's log; nothing is logged if left out. */
  log?: string;
  /** The error that caused this one; stays on the server. */
  cause?: unknown;
}

/**
 * A command that failed, to be thrown by a handler: the code goes into the reply, and `log` into the
 * client's log. Rows that were sent before stay valid.
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
  /** Text after the code in the reply; "" for none. */
  readonly detail: string;
  /** Why it failed, for the client's log; `undefined` for nothing. */
  readonly log: string | undefined;

  /** Creates a failure; throws a `LocalProtocolError` for a text that the answer can't carry. */
  constructor(code: string, options: CommandFailureOptions = {}) {
    const { detail = "", log } = options;
    if (!/^[A-Z]*$/.test(code)) {
      throw new LocalProtocolError(
        `${JSON.stringify(code)} is not a failure code. Use capital letters, like "NOTFOUND".`,
      );
    }
    for (const [option, text] of Object.entries({ detail, log })) {
      if (text === undefined || typeof text === "string") continue;
      throw new LocalProtocolError(
        `The "${option}" of a failure is ${shownValue(text)}. Use a string, or leave it out.`,
      );
    }
    if (code.length + detail.length > longestStatus) {
      throw new LocalProtocolError(
        `The code and the detail of a failure are longer than ${longestStatus} characters: clients would refuse ` +
          "them. Put such text into the log.",
      );
    }
    if (/[\n\r]/.test(detail)) {
      throw new LocalProtocolError(
        "The detail of a failure contains a line end. Put such text into the log.",
      );
    }
    super(log ?? `The command failed: ${code === "" ? "it is unknown" : code}.`, options);
    this.code = code;
    this.detail = detail;
    this.log = log;
  }
}
