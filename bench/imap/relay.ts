/**
 * The relay of the benches, which lets in as many as come.
 *
 * @module
 */

import { type ImapRelay, serveRelay, type ServeRelayOptions } from "../../imap/relay/mod.ts";
import { connect, listen } from "../../transports/mod.ts";

const hostname = "127.0.0.1";

/** Starts a relay to a port of 127.0.0.1, and returns it with its own. */
export async function startRelay(
  port: number,
  options: Partial<ServeRelayOptions> = {},
): Promise<{ readonly relay: ImapRelay; readonly port: number }> {
  const relay = serveRelay(await listen({ transport: "tcp", hostname, port: 0 }), {
    connect: ({ signal }) => connect({ transport: "tcp", hostname, port }, { signal }),
    ...{ maxConnections: Infinity, maxConnectionsPerAddress: Infinity },
    maxUnauthenticated: Infinity,
    onError: (error) => console.error(error),
    ...options,
  });
  const { address } = relay;
  if (address.transport !== "tcp") throw new Error("The relay has no port.");
  return { relay, port: address.port };
}
