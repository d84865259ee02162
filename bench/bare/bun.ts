/**
 * Sockets by `Bun.connect`.
 *
 * @module
 */

import type { BareListener, BareSocket, Place } from "./bare_socket.ts";

/** The part of Bun's socket that is used here. */
interface BunSocket {
  /** Returns how many bytes were taken, which may be less than all, or -1 for a closed socket. */
  write(bytes: Uint8Array): number;
  setNoDelay(on: boolean): void;
  close(): void;
}

type BunConnect = (options: Record<string, unknown>) => Promise<BunSocket>;

/** Connects, and reports the events "data", "close" and "error". */
export function connectByBun(
  { address, ca }: Place,
  { onChunk, onEnd }: BareListener,
): Promise<BareSocket> {
  const { connect } = (globalThis as unknown as { Bun: { connect: BunConnect } }).Bun;
  return new Promise((resolve, reject) => {
    /** The bytes that the socket didn't take yet, and what waits until it has. */
    let rest: Uint8Array | undefined;
    let hasRoom: (() => void) | undefined;
    let isClosed = false;
    /** Whether all of it was taken. */
    const give = (socket: BunSocket, bytes: Uint8Array): boolean => {
      const taken = socket.write(bytes);
      if (taken < 0) onEnd(new Error("The connection is closed."));
      rest = taken < bytes.length ? bytes.subarray(Math.max(0, taken)) : undefined;
      return rest === undefined;
    };
    const begin = (socket: BunSocket) =>
      resolve({
        write(bytes) {
          if (give(socket, bytes)) return undefined;
          return new Promise((resolve) => hasRoom = resolve);
        },
        close() {
          isClosed = true;
          socket.close();
        },
      });
    const socket = {
      open(socket: BunSocket) {
        if (address.transport === "tcp") socket.setNoDelay(true);
        if (ca === undefined) begin(socket);
      },
      handshake(socket: BunSocket, isSecure: boolean, error: Error | null) {
        if (isSecure) begin(socket);
        else reject(error);
      },
      data: (_: BunSocket, chunk: Uint8Array) => onChunk(chunk),
      drain(socket: BunSocket) {
        if (rest === undefined || give(socket, rest)) hasRoom?.();
      },
      error: (_: BunSocket, error: Error) => onEnd(error),
      close: () => isClosed || onEnd(),
    };
    const options = address.transport === "unix"
      ? { unix: address.path, socket }
      : { ...address, socket, ...(ca === undefined ? {} : { tls: { ca } }) };
    connect(options).catch(reject);
  });
}
