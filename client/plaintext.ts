/**
 * When a password may go over the wire as it is.
 *
 * @module
 */

import { LocalProtocolError } from "../core/mod.ts";

/** What there is to know of a connection before it is made. */
export interface PasswordRoute {
  /** Who is at the other end, for messages. */
  readonly peer: string;
  /** The host, where there is one: a UNIX socket has none. */
  readonly hostname: string | undefined;
  /** Whether the conversation is encrypted before the password is sent. */
  readonly isEncrypted: boolean;
  /** Whether the caller allowed it all the same. */
  readonly isAllowed: boolean | undefined;
  /** How to encrypt, in a sentence. */
  readonly howToEncrypt: string;
}

/**
 * Throws a `LocalProtocolError` where a secret would go in clear over a network. UNIX sockets and
 * loopback are none.
 */
export function checkPlaintext(
  secret: string,
  { peer, hostname, isEncrypted, isAllowed, howToEncrypt }: PasswordRoute,
): void {
  if (hostname === undefined || isEncrypted || isAllowed || isLoopback(hostname)) return;
  throw new LocalProtocolError(
    `The ${secret} would go to ${peer} in clear, for everybody on the way to read. ${howToEncrypt} ` +
      "Or use a UNIX socket or loopback, with a tunnel if the server is elsewhere. Or, where the " +
      'network is as safe as these, set "allowPlaintextPassword: true".',
  );
}

/** Whether a name or an address is this machine's own: "localhost", 127.0.0.0/8, ::1. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase().replace(/\.$/, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" ||
    /^(::ffff:)?127(\.\d{1,3}){3}$/.test(name);
}
