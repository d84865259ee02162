/**
 * Moves the benchmark's bytes with `Deno.connect` and `Deno.connectTls`.
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

/** Moves them in a loop of reads or writes; all reads use the same buffer. */
export function moveByDeno(place: Place, exchange: Exchange): Promise<number> {
  const buffer = new Uint8Array(chunkSize);
  return move(place, exchange, () => buffer);
}

/** The same, with a new buffer for each read, which is needed if the bytes are passed on. */
export function moveByDenoAndKeep(place: Place, exchange: Exchange): Promise<number> {
  return move(place, exchange, () => new Uint8Array(chunkSize));
}

async function move(place: Place, exchange: Exchange, room: () => Uint8Array): Promise<number> {
  const conn = await connect(place);
  try {
    const start = performance.now();
    await write(conn, encodeHeader(exchange));
    if (exchange.kind === "round trips") await goThereAndBack(conn, exchange.amount, room);
    else await goOneWay(conn, exchange, room);
    return performance.now() - start;
  } finally {
    conn.close();
  }
}

async function goOneWay(
  conn: Deno.Conn,
  exchange: Exchange,
  room: () => Uint8Array,
): Promise<void> {
  const chunk = new Uint8Array(chunkSize);
  if (exchange.kind === "send") {
    for (let sent = 0; sent < exchange.amount; sent += chunkSize) await write(conn, chunk);
  }
  await readAll(conn, room, bytesToCome(exchange));
}

async function goThereAndBack(
  conn: Deno.Conn,
  times: number,
  room: () => Uint8Array,
): Promise<void> {
  const message = new Uint8Array(messageSize);
  for (let time = 0; time < times; time++) {
    await write(conn, message);
    await readAll(conn, room, messageSize);
  }
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function readAll(conn: Deno.Conn, room: () => Uint8Array, size: number): Promise<void> {
  for (let left = size; left > 0;) {
    const read = await conn.read(room());
    if (read === null) throw new Error("The peer ended the exchange too early.");
    left -= read;
  }
}

async function connect({ address, ca }: Place): Promise<Deno.Conn> {
  if (address.transport === "unix") return await Deno.connect(address);
  if (ca !== undefined) return await Deno.connectTls({ ...address, caCerts: [ca] });
  const conn = await Deno.connect(address);
  conn.setNoDelay(true);
  return conn;
}
