/**
 * Sockets on their way to another process.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { concat } from "../../core/bytes.ts";
import type { ReleasedTransport } from "../driver.ts";
import { NodeTransport } from "../node_transport.ts";
import { startTimer } from "../timers.ts";
import { type Transport, TransportError } from "../transport.ts";

/** What a runtime has under a socket: Node and Deno the one pair, Bun the other. */
interface Handle {
  readStop?(): unknown;
  readStart?(): unknown;
  pause?(): unknown;
  resume?(): unknown;
}

function handleOf(socket: Socket): Handle | null | undefined {
  return (socket as { _handle?: Handle | null })._handle;
}

/**
 * Stops the system's reading of a socket, now: `pause()` of a socket goes on with what was asked for before, and
 * those bytes would be lost on the way. Returns whether this runtime can do that. Don't use the socket afterwards but to
 * send it, or to {@linkcode startReading}.
 */
export function stopReading(socket: Socket): boolean {
  const handle = handleOf(socket);
  if (typeof handle?.readStop === "function") handle.readStop();
  else if (typeof handle?.pause === "function") {
    // Bun reads on after either of the two alone.
    socket.pause();
    handle.pause();
  } else return false;
  return true;
}

/** Starts the system's reading of a socket that {@linkcode stopReading} has stopped. */
export function startReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (typeof handle?.readStart === "function") handle.readStart();
  else handle?.resume?.();
}

/** Whether this runtime can stop a socket's reading. */
export function canStopReading(socket: Socket): boolean {
  const handle = handleOf(socket);
  return typeof (handle?.readStop ?? handle?.pause) === "function";
}

/** Why a transport can't move to another process at all; `undefined` if it can, now or later. */
export function whyImmovable(transport: Transport): TransportError | undefined {
  const { peer } = transport;
  if (!(transport instanceof NodeTransport)) {
    return immovable(
      peer,
      "it is encrypted, or not over node:net. Use connect() of transports/node, and TLS in front of the relay.",
    );
  }
  if (transport.isEncrypted) {
    return immovable(peer, "it is encrypted, and only this process has its keys.");
  }
  if (!canStopReading(transport.socket)) {
    return immovable(
      peer,
      "this runtime can't stop reading it at once, so that bytes would be lost.",
    );
  }
}

function immovable(peer: string, why: string): TransportError {
  return new TransportError(
    "unsupported",
    `The connection to ${peer} can't move to another process: ${why}`,
  );
}

/** A socket that was taken from its transport, and what was read of it. */
export interface MovingSocket {
  readonly socket: Socket;
  readonly unread: Uint8Array;
}

/** Takes the sockets of transports of which {@linkcode whyImmovable} says nothing. */
export async function takeSockets(released: readonly ReleasedTransport[]): Promise<MovingSocket[]> {
  const transports = released.map(({ transport }) => transport as NodeTransport);
  for (const { socket } of transports) stopReading(socket);
  // What was read before that is on its way to who asked for it.
  await new Promise<void>((resolve) => startTimer(0, resolve));
  return transports.map((transport, at) => {
    const { outcome } = released[at].reading ?? {};
    const taken = outcome !== undefined && "chunk" in outcome ? [outcome.chunk] : [];
    const unread = concat([...taken, transport.detach()]);
    // Taking what was read may have made it read on.
    stopReading(transport.socket);
    return { socket: transport.socket, unread };
  });
}

/** A transport over a socket that came from another process; nothing is read before {@linkcode startReading}. */
export function transportOf(socket: Socket, peer: string, unread?: Uint8Array): NodeTransport {
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  return new NodeTransport(socket, { peer, role: { side: "server" }, received: unread });
}

/** What came with a message as a handle, if it is a socket: stopped, to be called in the turn in which it came. */
export function socketIn(handle: unknown): Socket | undefined {
  if (!(handle instanceof Socket)) return undefined;
  // Its error shows when it is read.
  handle.on("error", () => {});
  stopReading(handle);
  return handle;
}

/** Bytes as messages have them. */
export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** The bytes of a message's text. */
export function fromText(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
