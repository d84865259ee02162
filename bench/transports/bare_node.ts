/**
 * Moves the benchmark's bytes with `node:net` and `node:tls`.
 *
 * @module
 */

import { once } from "node:events";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  bytesToCome,
  chunkSize,
  encodeHeader,
  type Exchange,
  messageSize,
  type Place,
} from "./exchange.ts";

/** Moves them with the events "data" and "drain". */
export async function moveByNode(place: Place, exchange: Exchange): Promise<number> {
  const socket = await connect(place);
  try {
    const start = performance.now();
    await move(socket, exchange);
    return performance.now() - start;
  } finally {
    socket.destroy();
  }
}

function move(socket: Socket, exchange: Exchange): Promise<void> {
  const { kind, amount } = exchange;
  return new Promise((resolve, reject) => {
    const piece = new Uint8Array(kind === "send" ? chunkSize : messageSize);
    let toCome = bytesToCome(exchange);
    let toSend = kind === "send" ? amount : 0;
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      toCome -= chunk.length;
      if (toCome === 0) resolve();
      else if (kind === "round trips" && toCome % messageSize === 0) socket.write(piece);
    });
    const send = () => {
      for (let taken = true; taken && toSend > 0; toSend -= chunkSize) taken = socket.write(piece);
    };
    socket.on("drain", send);
    socket.write(encodeHeader(exchange));
    if (kind === "round trips") socket.write(piece);
    send();
  });
}

async function connect({ address, ca }: Place): Promise<Socket> {
  if (address.transport === "unix") {
    const socket = connectPlain(address.path);
    await once(socket, "connect");
    return socket;
  }
  const { hostname: host, port } = address;
  const socket = ca === undefined ? connectPlain(port, host) : connectTls({ host, port, ca });
  await once(socket, ca === undefined ? "connect" : "secureConnect");
  socket.setNoDelay(true);
  return socket;
}
