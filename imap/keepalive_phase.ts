/**
 * The phase of a client's keepalives.
 *
 * @module
 */

import { networkAddress } from "../transports/network_address.ts";

/**
 * The phase of a client's keepalives in milliseconds, for a conversation whose times are those of
 * `performance.now()`: the same for all connections from one public address, else for all of one user, on every
 * machine. So a telephone is woken once for all of its connections, and all clients of a server don't get their
 * keepalives at the same moment.
 *
 * The rule is Dovecot's (src/lib-imap/imap-keepalive.c), with another hash.
 */
export function keepalivePhase(peer: string, user: string): number {
  const address = networkAddress(peer);
  const isPublic = address !== undefined && !privateNetworks.test(address);
  return hashOf(isPublic ? address : user) * 1000 + Math.round(Date.now() - performance.now());
}

/** Addresses that different clients have: of private networks, of this machine, of one network segment. */
const privateNetworks =
  /^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|0:0:0:0$)/;

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash;
}
