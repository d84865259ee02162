/**
 * Moves the benchmark's bytes with `Bun.connect`.
 *
 * @module
 */

import {
  bytesToCome,
  chunkSize,
  encodeHeader,
  type Exchange,
  messageSize,
  type Place,
} from "./exchange.ts";

/** The part of Bun's socket that is used here. */
interface BunSocket {
  /** Returns how many bytes were taken, which may be less than all, or -1 for a closed socket. */
  write(bytes: Uint8Array): number;
  setNoDelay(on: boolean): void;
  close(): void;
}

interface BunHandlers {
  open(socket: BunSocket): void;
  handshake(socket: BunSocket, success: boolean, error: Error | null): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  error(socket: BunSocket, error: Error): void;
  close(socket: BunSocket, error?: Error): void;
}

type BunConnect = (options: Record<string, unknown>) => Promise<BunSocket>;

/** Moves them with the events "data" and "drain". */
export function moveByBun({ address, ca }: Place, exchange: Exchange): Promise<number> {
  const { connect } = (globalThis as unknown as { Bun: { connect: BunConnect } }).Bun;
  const { kind, amount } = exchange;
  return new Promise((resolve, reject) => {
    const piece = new Uint8Array(kind === "send" ? chunkSize : messageSize);
    let toCome = bytesToCome(exchange);
    let toSend = kind === "send" ? amount : 0;
    /** The rest of a piece, which the socket didn't take yet. */
    let rest = encodeHeader(exchange);
    let start: number | undefined;
    const send = (socket: BunSocket) => {
      if (start === undefined) return;
      for (;;) {
        const taken = socket.write(rest);
        if (taken < 0) return reject(new Error("The connection is closed."));
        if (taken < rest.length) {
          rest = rest.subarray(taken);
          return;
        }
        rest = piece;
        if (toSend === 0) {
          rest = rest.subarray(rest.length);
          return;
        }
        toSend -= chunkSize;
      }
    };
    const begin = (socket: BunSocket) => {
      start = performance.now();
      send(socket);
      if (kind === "round trips") socket.write(piece);
    };
    const socket: BunHandlers = {
      open(socket) {
        if (address.transport === "tcp") socket.setNoDelay(true);
        if (ca === undefined) begin(socket);
      },
      handshake(socket, success, error) {
        if (success) begin(socket);
        else reject(error);
      },
      data(socket, chunk) {
        toCome -= chunk.length;
        if (toCome === 0) {
          resolve(performance.now() - (start ?? NaN));
          socket.close();
        } else if (kind === "round trips" && toCome % messageSize === 0) socket.write(piece);
      },
      drain(socket) {
        if (rest.length > 0) send(socket);
      },
      error: (_, error) => reject(error),
      close: () => reject(new Error("The peer ended the exchange too early.")),
    };
    const options = address.transport === "unix"
      ? { unix: address.path, socket }
      : { ...address, socket, ...(ca === undefined ? {} : { tls: { ca } }) };
    connect(options).catch(reject);
  });
}
