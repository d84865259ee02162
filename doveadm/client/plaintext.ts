/**
 * When a password may go over the wire as it is.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { isLoopback } from "../../transports/transport.ts";

/** What there is to know of a connection before a password is sent. */
export interface PasswordRoute {
  /** Who is at the other end, for messages. */
  readonly peer: string;
  /** Whether it goes over a network as it is. */
  readonly isExposed: boolean;
  /** Whether the caller allowed it all the same. */
  readonly isAllowed: boolean | undefined;
  /** How to encrypt, in a sentence. */
  readonly howToEncrypt: string;
}

/** Whether a conversation with a host goes over a network; with a UNIX socket, which has none, it doesn't. */
export function isOverNetwork(hostname: string | undefined): boolean {
  return hostname !== undefined && !isLoopback(hostname);
}

/** Throws a `LocalProtocolError` where a secret would go in clear over a network. */
export function checkPlaintext(
  secret: string,
  { peer, isExposed, isAllowed, howToEncrypt }: PasswordRoute,
): void {
  if (!isExposed || isAllowed) return;
  throw new LocalProtocolError(
    `The ${secret} would go to ${peer} in clear, for everybody on the way to read. ${howToEncrypt} ` +
      "Or use a UNIX socket or loopback, with a tunnel if the server is elsewhere. Or, where the " +
      'network is as safe as these, set "allowPlaintextPassword: true".',
  );
}
