/**
 * TLS over any transport, by `node:tls`.
 *
 * @module
 */

import { encryptedTransport } from "../node_transport.ts";
import { secure } from "./node_tls.ts";
import { plaintextError, type TlsRole } from "./tls.ts";
import { duplexOver } from "./transport_duplex.ts";
import type { TlsOptions, Transport } from "../transport.ts";

/**
 * Encrypts a transport, which must not be used otherwise from here on. Closing either closes both. Rejects
 * with a `TransportError`, with the transport closed. `received` holds the bytes that a server has read of
 * the client's handshake already.
 */
export async function startTlsOver(
  transport: Pick<Transport, "read" | "write" | "closeWrite" | "close" | "peer">,
  role: TlsRole,
  options: TlsOptions,
  received: Uint8Array = new Uint8Array(0),
): Promise<Transport> {
  const { peer } = transport;
  if (role.side === "client" && received.length > 0) {
    await transport.close();
    throw plaintextError(peer);
  }
  let first: Uint8Array | undefined = received.length > 0 ? received : undefined;
  const under = duplexOver({
    read() {
      const chunk = first;
      first = undefined;
      return chunk === undefined ? transport.read() : Promise.resolve(chunk);
    },
    write: (chunk) => transport.write(chunk),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
  });
  const socket = await secure(under.stream, options, { role, peer });
  return encryptedTransport(socket, peer, under);
}
