/**
 * A handler that passes commands on to a real Dovecot: with input, log and answers of any size.
 *
 * @module
 */

import { CommandError, connect, type DoveadmOptions } from "../mod.ts";
import {
  CommandFailure,
  type DoveadmHandler,
  type ReplyField,
  type ServerRequest,
} from "../doveadm/server/mod.ts";

/** Creates a handler for the Dovecot at a URL; each command has a connection of its own. */
export function passOn(upstream: string, options: DoveadmOptions = {}): DoveadmHandler {
  return async function* (request: ServerRequest): AsyncGenerator<ReplyField> {
    const { name, args, user, verbosity, hasInput, input, signal, log } = request;
    await using doveadm = connect(upstream, {
      ...options,
      logPassthrough: true,
      onLog: ({ level, message }) => log(level, message),
    });
    const command = { name, args, user, verbosity, ...(hasInput ? { input } : {}) };
    try {
      for await (const field of doveadm.stream(command, { signal })) {
        // The reply of "user" is a text, not a row.
        yield name === "user" ? { text: await field.text() } : field;
      }
    } catch (error) {
      // Its log was passed on already.
      if (!(error instanceof CommandError)) throw error;
      throw new CommandFailure(error.code, { detail: error.detail });
    }
  };
}
