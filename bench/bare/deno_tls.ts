/**
 * Sockets by `node:tls` over a stream over `Deno.connect`: the only way in Deno that trusts the given CAs alone and reads
 * no more than is taken.
 *
 * @module
 */

import { once } from "node:events";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { BareListener, BareSocket, Place } from "./bare_socket.ts";
import { bareSocket } from "./node.ts";

/** Connects, and reports the events "data", "end" and "error". */
export async function connectByDenoTls(
  { address, ca }: Place,
  listener: BareListener,
): Promise<BareSocket> {
  if (address.transport === "unix") throw new Error("No bench has TLS over a UNIX socket.");
  const conn = await Deno.connect(address);
  conn.setNoDelay(true);
  const socket = connect({ socket: streamOver(conn), host: address.hostname, ca });
  await once(socket, "secureConnect");
  return bareSocket(socket, listener);
}

function streamOver(conn: Deno.Conn): Duplex {
  const buffer = new Uint8Array(65_536);
  const stream: Duplex = new Duplex({
    read() {
      conn.read(buffer).then(
        (size) => stream.push(size === null ? null : buffer.slice(0, size)),
        (error) => stream.destroy(error),
      );
    },
    write(bytes, _encoding, done) {
      write(conn, bytes).then(() => done(), done);
    },
    destroy(error, done) {
      conn.close();
      done(error);
    },
  });
  return stream;
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
