/**
 * TLS handshakes by `node:tls`, for both ends.
 *
 * @module
 */

import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions, TlsOptions as ServerOptions, TLSSocket } from "node:tls";
import { handshakeError, settingsOf, type TlsRole, type TlsSettings } from "./tls.ts";
import type { TlsOptions } from "../transport.ts";

/** The functions of `node:tls`. */
type NodeTls = Pick<typeof import("node:tls"), "connect" | "createServer">;

/**
 * Encrypts a stream. Rejects with a `TransportError`, and destroys the stream, if that fails; destroying
 * the stream makes it fail.
 */
export async function secure(
  stream: Duplex,
  options: TlsOptions,
  { role, peer }: { readonly role: TlsRole; readonly peer: string },
): Promise<TLSSocket> {
  try {
    const settings = settingsOf(options, role, peer);
    // Loaded only now: that takes longer than to load everything else that an adapter needs.
    const tls = await import("node:tls");
    return await shakeHands(tls, stream, { role, settings }).catch((error) => {
      throw handshakeError(error, peer, settings.serverName);
    });
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

function shakeHands(
  tls: NodeTls,
  stream: Duplex,
  { role, settings }: { readonly role: TlsRole; readonly settings: TlsSettings },
): Promise<TLSSocket> {
  return new Promise<TLSSocket>((resolve, reject) => {
    if (stream.destroyed) throw stream.errored ?? hungUp();
    // Some runtimes don't report to the encrypted socket that the socket under it is gone. Those that do
    // report it within this turn, with a better message.
    const gone = () => void setTimeout(() => failed(stream.errored ?? hungUp()), 0);
    const settle = () => {
      stream.off("close", gone);
      stream.off("end", gone);
    };
    const secured = (socket: TLSSocket) => {
      settle();
      resolve(socket);
    };
    const failed = (error: unknown) => {
      settle();
      reject(error);
    };
    stream.once("close", gone);
    stream.once("end", gone);
    const secureAs = role.side === "client" ? secureAsClient : secureAsServer;
    secureAs(tls, { stream, settings, secured, failed });
  });
}

/** A handshake: its stream, and the functions that get its outcome. */
interface Handshake {
  readonly stream: Duplex;
  readonly settings: TlsSettings;
  readonly secured: (socket: TLSSocket) => void;
  readonly failed: (error: unknown) => void;
}

function secureAsClient(
  { connect }: NodeTls,
  { stream, settings, secured, failed }: Handshake,
): void {
  const { serverName, ca, cert, key, alpnProtocols, verifies } = settings;
  // The types lack allowHalfOpen here.
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    socket: stream,
    host: serverName,
    // SNI takes no IP addresses.
    servername: isIP(serverName) ? "" : serverName,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert, key }),
    ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: alpnProtocols }),
    rejectUnauthorized: verifies,
    ...(verifies ? {} : { checkServerIdentity: () => undefined }),
    allowHalfOpen: true,
  };
  const socket = connect(options);
  socket.on("error", failed);
  socket.once("close", () => failed(socket.errored ?? hungUp()));
  socket.once("secureConnect", () => {
    // It would have failed already; this check doesn't rely on each runtime for that.
    if (verifies && !socket.authorized) failed(socket.authorizationError);
    else secured(socket);
  });
}

function secureAsServer(
  { createServer }: NodeTls,
  { stream, settings, secured, failed }: Handshake,
): void {
  const { ca, cert, key, alpnProtocols } = settings;
  const verifies = ca !== undefined;
  // A server that never listens: it only gets a connection.
  const options: ServerOptions = {
    cert,
    key,
    ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: alpnProtocols }),
    ...(verifies ? { ca, requestCert: true, rejectUnauthorized: true } : {}),
    allowHalfOpen: true,
  };
  const server = createServer(options);
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => {});
    if (verifies && !socket.authorized) failed(socket.authorizationError);
    else secured(socket);
  });
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    socket.on("error", () => {});
    // If the client's certificate isn't trusted, Node just hangs up.
    failed(causeOf(socket) ?? error);
  });
  server.emit("connection", stream);
}

/** What is wrong with the peer's certificate, if a socket knows. */
function causeOf({ authorizationError }: TLSSocket): Error | undefined {
  // The types declare an error; it is an error's code.
  const code: unknown = authorizationError;
  if (code instanceof Error) return code;
  return typeof code === "string" ? Object.assign(new Error(code), { code }) : undefined;
}

function hungUp(): Error {
  return Object.assign(new Error("The other end hung up."), { code: "ECONNRESET" });
}
