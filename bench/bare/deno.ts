/**
 * Sockets by `Deno.connect` and `Deno.connectTls`.
 *
 * @module
 */

import type { BareConnect, BareListener, Place } from "./bare_socket.ts";

const SIZE = 65_536;

/** A way to connect, with one buffer for all reads or a new one for each. */
export function connectByDeno({ reusesBuffer }: { readonly reusesBuffer: boolean }): BareConnect {
  const buffer = new Uint8Array(SIZE);
  const room = () => reusesBuffer ? buffer : new Uint8Array(SIZE);
  return async (place, listener) => {
    const conn = await open(place);
    let isClosed = false;
    readAll(conn, room, listener.onChunk).then(
      () => isClosed || listener.onEnd(),
      (error) => isClosed || listener.onEnd(error),
    );
    return {
      write: (bytes) => write(conn, bytes),
      close() {
        isClosed = true;
        conn.close();
      },
    };
  };
}

async function open({ address, ca }: Place): Promise<Deno.Conn> {
  if (address.transport === "unix") return await Deno.connect(address);
  if (ca !== undefined) return await Deno.connectTls({ ...address, caCerts: [ca] });
  const conn = await Deno.connect(address);
  conn.setNoDelay(true);
  return conn;
}

async function readAll(
  conn: Deno.Conn,
  room: () => Uint8Array,
  onChunk: BareListener["onChunk"],
): Promise<void> {
  for (;;) {
    const buffer = room();
    const size = await conn.read(buffer);
    if (size === null) return;
    onChunk(buffer.subarray(0, size));
  }
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
