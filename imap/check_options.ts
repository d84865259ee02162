/**
 * Checks of options that a server and a relay share.
 *
 * @module
 */

import type { CommandDefinition } from "../core/imap/mod.ts";
import { checkTlsOptions } from "../transports/address_checks.ts";
import { LocalProtocolError } from "../core/mod.ts";
import type { TlsOptions } from "../transports/transport.ts";
import type { ImapCommand } from "./define_command.ts";

/** Checks a server's own TLS. Throws a {@linkcode LocalProtocolError} if it lacks something. */
export function checkOwnTls(startTls: TlsOptions | undefined): void {
  if (startTls === undefined) return;
  // What is passed from JavaScript may be anything.
  checkTlsOptions(startTls ?? {});
  const { cert, key }: TlsOptions = startTls ?? {};
  if (cert !== undefined && key !== undefined) return;
  throw new LocalProtocolError(
    '"startTls" lacks "cert" or "key", and a server needs both, as PEM.',
  );
}

/** What the protocol needs of custom commands. Throws a {@linkcode LocalProtocolError} for what is no list. */
export function definitionsOf(
  commands: readonly ImapCommand[] = [],
): readonly CommandDefinition[] {
  if (
    Array.isArray(commands) && commands.every((command) => typeof command?.handler === "function")
  ) {
    return commands.map(({ definition }) => definition);
  }
  throw new LocalProtocolError(
    '"commands" is no list of commands. Give what defineCommand() returns, in an array.',
  );
}
