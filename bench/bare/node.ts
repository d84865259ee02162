/**
 * Sockets by `node:net` and `node:tls`.
 *
 * @module
 */

import { once } from "node:events";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { BareListener, BareSocket, Place } from "./bare_socket.ts";

/** Connects, and reports the events "data", "end" and "error". */
export async function connectByNode(
  { address, ca }: Place,
  listener: BareListener,
): Promise<BareSocket> {
  const socket = open({ address, ca });
  await once(socket, ca === undefined ? "connect" : "secureConnect");
  if (address.transport === "tcp") socket.setNoDelay(true);
  return bareSocket(socket, listener);
}

/** A bare socket over one that is connected. */
export function bareSocket(socket: Socket, { onChunk, onEnd }: BareListener): BareSocket {
  let hasRoom: (() => void) | undefined;
  socket.on("data", onChunk);
  socket.on("end", () => onEnd());
  socket.on("error", onEnd);
  socket.on("drain", () => hasRoom?.());
  return {
    write(bytes) {
      if (socket.write(bytes)) return undefined;
      return new Promise((resolve) => hasRoom = resolve);
    },
    close() {
      socket.removeAllListeners("end").destroy();
    },
  };
}

function open({ address, ca }: Place): Socket {
  if (address.transport === "unix") return connectPlain(address.path);
  const { hostname: host, port } = address;
  return ca === undefined ? connectPlain(port, host) : connectTls({ host, port, ca });
}
