/**
 * Failures of a command that goes on after them.
 *
 * @module
 */

import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { ServerRequest } from "../../doveadm/server/handler.ts";

/**
 * Collects what fails while a command does what it was asked one after the other. Each failure is
 * logged; the code of the command is that of the first, as Dovecot has it in
 * src/doveadm/doveadm-mail.c.
 */
export class Failures {
  readonly #request: ServerRequest;
  #first: CommandFailure | undefined;

  /** Makes one for a command. */
  constructor(request: ServerRequest) {
    this.#request = request;
  }

  /** Does something; a `CommandFailure` is logged, with what was to be done, and kept. */
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
