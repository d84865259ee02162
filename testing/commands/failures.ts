/**
 * Failures after which a command continues.
 *
 * @module
 */

import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { ServerRequest } from "../../doveadm/server/handler.ts";

/**
 * Collects the failures of a command that does several things in sequence. Each failure is logged; the
 * command's exit code is that of the first, as in Dovecot's src/doveadm/doveadm-mail.c.
 */
export class Failures {
  readonly #request: ServerRequest;
  #first: CommandFailure | undefined;

  /** Creates the collection for a command. */
  constructor(request: ServerRequest) {
    this.#request = request;
  }

  /** Calls a function; logs a `CommandFailure` with the action that failed, and keeps it. */
  attempt(what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      this.#request.log("error", `${what}: ${error.log ?? error.message}`);
      this.#first ??= error;
    }
  }

  /** Throws a `CommandFailure` if there was one. */
  finish(): void {
    if (this.#first === undefined) return;
    throw new CommandFailure(this.#first.code, { cause: this.#first });
  }
}
