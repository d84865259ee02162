/**
 * The ALPN protocol of doveadm.
 *
 * @module
 */

import type { TlsOptions } from "../transports/transport.ts";

/**
 * TLS options that offer, or accept, the ALPN protocol "doveadm", unless they name others. Dovecot 2.4 and
 * later use that name; 2.3 names none, which works with any.
 */
export function withDoveadmAlpn(options: TlsOptions = {}): TlsOptions {
  return { ...options, alpnProtocols: options.alpnProtocols ?? ["doveadm"] };
}
