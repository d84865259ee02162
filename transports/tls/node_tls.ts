/**
 * Handshakes of `node:tls`, from either end.
 *
 * @module
 */

import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import {
  connect,
  type ConnectionOptions,
  createServer,
  type TlsOptions as ServerOptions,
  type TLSSocket,
} from "node:tls";
import { handshakeError, settingsOf, type TlsRole, type TlsSettings } from "./tls.ts";
import type { TlsOptions } from "../transport.ts";

/**
 * Encrypts what goes over a stream. Rejects with a `TransportError`, and destroys the stream, where that
 * fails; destroying the stream makes it fail.
 */
export async function secure(
  stream: Duplex,
  options: TlsOptions,
  { role, peer }: { readonly role: TlsRole; readonly peer: string },
): Promise<TLSSocket> {
  try {
    const settings = settingsOf(options, role, peer);
    return await shakeHands(stream, role, settings).catch((error) => {
      throw handshakeError(error, peer, settings.serverName);
    });
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

function shakeHands(stream: Duplex, role: TlsRole, settings: TlsSettings): Promise<TLSSocket> {
  return new Promise<TLSSocket>((resolve, reject) => {
    // Not every runtime tells the encrypted socket that what is under it is gone. Where one does, that
    // says more, and comes within this turn.
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
    if (role.side === "client") secureAsClient(stream, settings, secured, failed);
    else secureAsServer(stream, settings, secured, failed);
  });
}

function secureAsClient(
  stream: Duplex,
  { serverName, ca, cert, key, alpnProtocols, verifies }: TlsSettings,
  secured: (socket: TLSSocket) => void,
  failed: (error: unknown) => void,
): void {
  // The types don't know of allowHalfOpen here.
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    socket: stream,
    host: serverName,
    // An IP address is no name to tell the server.
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
    // It would have failed already. Not to depend on that in each runtime.
    if (verifies && !socket.authorized) failed(socket.authorizationError);
    else secured(socket);
  });
}

function secureAsServer(
  stream: Duplex,
  { ca, cert, key, alpnProtocols }: TlsSettings,
  secured: (socket: TLSSocket) => void,
  failed: (error: unknown) => void,
): void {
  const verifies = ca !== undefined;
  // One that never listens: it is only told of a connection.
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
    // Where the client's certificate isn't trusted Node just hangs up.
    failed(causeOf(socket) ?? error);
  });
  server.emit("connection", stream);
}

/** What is wrong with the peer's certificate, where a socket knows. */
function causeOf({ authorizationError }: TLSSocket): Error | undefined {
  // The types say that it is an error; it is an error's code.
  const code: unknown = authorizationError;
  if (code instanceof Error) return code;
  return typeof code === "string" ? Object.assign(new Error(code), { code }) : undefined;
}

function hungUp(): Error {
  return Object.assign(new Error("The other end hung up."), { code: "ECONNRESET" });
}
