/**
 * What a relay knows of a client, and says of it to the server.
 *
 * @module
 */

import type { Address } from "../../transports/transport.ts";

/** Where a client connects from. */
export interface RelayClientInfo {
  /** The client, for messages: "tcp 192.0.2.1:4711". */
  readonly peer: string;
  /**
   * Its connection's id, which is also in the log of a Dovecot that trusts the relay; `undefined` for a client that
   * was turned away.
   */
  readonly sessionId: string | undefined;
  /** Where it connected to, as far as that is known. */
  readonly local: Address | undefined;
}

/** An IP address and a port; `undefined` for a peer that is not known to be connected over TCP. */
function endpointOf(peer: string): { readonly ip: string; readonly port: string } | undefined {
  const found = /^tcp (?:\[([0-9a-f:.]+)(?:%[^\]]*)?\]|([0-9.]+)):(\d+)$/i.exec(peer);
  if (found === null) return undefined;
  const [, ipv6, ipv4, port] = found;
  return { ip: ipv4 ?? ipv6.replace(/^::ffff:(?=\d+\.)/i, ""), port };
}

/**
 * What a relay says by ID of a client, for a Dovecot of which the relay's address is in `login_trusted_networks`: that
 * logs the client's address and counts its wrong passwords and its connections by it, and not by the relay's.
 *
 * Other servers ignore it.
 */
export function trustedFields({ peer, sessionId, local }: RelayClientInfo): Record<string, string> {
  const client = endpointOf(peer);
  const fields: Record<string, string> = {};
  if (sessionId !== undefined) fields["x-session-id"] = sessionId;
  if (client === undefined) return fields;
  fields["x-originating-ip"] = client.ip;
  fields["x-originating-port"] = client.port;
  if (local?.transport === "tcp" && isSpecific(local.hostname)) {
    fields["x-connected-ip"] = local.hostname;
    fields["x-connected-port"] = String(local.port);
  }
  // How many more relays may follow: it keeps them from going in a circle.
  fields["x-proxy-ttl"] = "4";
  return fields;
}

/** Whether a host is one IP address, and not all of this machine's. */
function isSpecific(hostname: string): boolean {
  if (/^(0\.0\.0\.0|[0:]+)$/.test(hostname)) return false;
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || /^[0-9a-f:]+$/i.test(hostname);
}

/** An id for a connection, different from all others. */
export function newSessionId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
