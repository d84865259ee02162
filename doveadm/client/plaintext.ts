/**
 * Whether a password may be sent unencrypted.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { isLoopback } from "../../transports/transport.ts";

/** The properties of a connection that matter before a password is sent. */
export interface PasswordRoute {
  /** Who is at the other end, for messages. */
  readonly peer: string;
  /** Whether it goes over a network unencrypted. */
  readonly isExposed: boolean;
  /** Whether the caller allows that. */
  readonly isAllowed: boolean | undefined;
  /** How to encrypt, in a sentence. */
  readonly howToEncrypt: string;
}

/** Whether a connection to a host uses a network; `undefined` stands for a UNIX socket, which doesn't. */
export function isOverNetwork(hostname: string | undefined): boolean {
  return hostname !== undefined && !isLoopback(hostname);
}

/** Throws a `LocalProtocolError` if a secret would be sent unencrypted over a network. */
export function checkPlaintext(
  secret: string,
  { peer, isExposed, isAllowed, howToEncrypt }: PasswordRoute,
): void {
  if (!isExposed || isAllowed) return;
  throw new LocalProtocolError(
    `The ${secret} would be sent to ${peer} unencrypted. ${howToEncrypt} ` +
      "Or use a UNIX socket or loopback, with a tunnel if the server is elsewhere. Or, if the " +
      'network is as safe as these, set "allowPlaintextPassword: true".',
  );
}
