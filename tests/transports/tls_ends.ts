/**
 * The other end of an encrypted conversation, from `node:tls`, and the options of both ends.
 *
 * @module
 */

import type { Socket } from "node:net";
import tls, { type TLSSocket } from "node:tls";
import { endOf, type SocketEnd } from "../harness/sockets.ts";
import type { TlsOptions } from "../../transports/transport.ts";
import { certificates } from "../harness/certificates.ts";

/** How a conversation comes to be encrypted: not at all, from the first byte, or by startTls(). */
export type Encryption = "clear" | "TLS" | "STARTTLS";

/** What the tests have to know of a runtime's TLS. */
export function traitsOf(encryption: Encryption): {
  readonly refusesTls: boolean;
  readonly outlivesEnd: boolean;
} {
  const isEncrypted = encryption !== "clear";
  // Bun closes a connection of TLS whose peer has ended.
  return { refusesTls: isEncrypted, outlivesEnd: !isEncrypted || !("Bun" in globalThis) };
}

/** Whether a socket of `node:tls` stops reading when its reader doesn't read: Deno's doesn't. */
export function peerWaits(encryption: Encryption): boolean {
  return encryption === "clear" || !("Deno" in globalThis);
}

/** The options of a client that trusts the tests' server. */
export async function clientTls(): Promise<TlsOptions> {
  const { ca } = await certificates();
  return { caCerts: [ca], serverName: "localhost" };
}

/** The options of the tests' server. */
export async function serverTls(): Promise<TlsOptions> {
  const { good } = await certificates();
  return { ...good };
}

/** Takes in a client that begins a handshake; rejects with what is wrong with it. */
export async function secureServer(
  socket: Socket,
  options: tls.TlsOptions = {},
): Promise<TLSSocket> {
  const { good } = await certificates();
  const server = tls.createServer({ ...good, allowHalfOpen: true, ...options });
  return await new Promise<TLSSocket>((resolve, reject) => {
    server.on("secureConnection", (secured) => {
      secured.on("error", () => {});
      resolve(secured);
    });
    server.on("tlsClientError", reject);
    server.emit("connection", socket);
  });
}

/** Begins a handshake as a client; rejects with what is wrong with it. */
export async function secureClient(
  socket: Socket,
  options: tls.ConnectionOptions = {},
): Promise<TLSSocket> {
  const { ca } = await certificates();
  const both = { socket, servername: "localhost", ca, allowHalfOpen: true, ...options };
  return await new Promise<TLSSocket>((resolve, reject) => {
    const secured = tls.connect(both, () => resolve(secured));
    secured.on("error", reject);
  });
}

/** An end of a conversation, as {@linkcode endOf} gives it. */
export function encryptedEndOf(socket: Socket): SocketEnd {
  const end = endOf(socket);
  // Deno's node:tls never calls back for an empty write.
  const write = async (chunk: Uint8Array) => chunk.length > 0 ? await end.write(chunk) : undefined;
  return { ...end, write };
}
