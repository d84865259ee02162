/**
 * The peer of the transports' benchmark: receives, sends and echoes, over TCP, a UNIX socket and TLS.
 *
 * Runs in Deno, whose reads and writes can reuse one buffer. Prints its addresses as JSON, and ends when
 * its standard input ends.
 *
 * @module
 */

import { join } from "node:path";
import { certificates } from "../../tests/harness/certificates.ts";
import { temporaryFolder } from "../../tests/harness/sockets.ts";
import type { Place } from "../bare/bare_socket.ts";
import { answerTasks, tell } from "../harness/program.ts";
import { chunkSize, decodeHeader, headerSize } from "./exchange.ts";

const hostname = "127.0.0.1";

async function serve(listener: Deno.Listener): Promise<void> {
  for await (const conn of listener) {
    if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
    // A client may close without close_notify; one that isn't done reports the error itself.
    exchange(conn).catch(() => {}).finally(() => conn.close());
  }
}

async function exchange(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4 * chunkSize);
  let size = 0;
  while (size < headerSize) {
    const more = await conn.read(buffer.subarray(size));
    if (more === null) return;
    size += more;
  }
  const { kind, amount } = decodeHeader(buffer);
  if (kind === "send") {
    let left = amount - (size - headerSize);
    while (left > 0) left -= await conn.read(buffer) ?? left;
    await conn.write(Uint8Array.of(0));
  } else if (kind === "receive") {
    const chunk = buffer.subarray(0, chunkSize);
    for (let left = amount; left > 0; left -= chunkSize) await write(conn, chunk);
  } else {
    await write(conn, buffer.subarray(headerSize, size));
    for (let more; (more = await conn.read(buffer)) !== null;) {
      await write(conn, buffer.subarray(0, more));
    }
    return;
  }
  // The client closes first: closing while it sends could drop bytes that it hasn't read yet.
  while (await conn.read(buffer) !== null);
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

await using folder = await temporaryFolder();
const path = join(folder.path, "socket");
const { ca, good } = await certificates();
const tcp = Deno.listen({ hostname, port: 0 });
const unix = Deno.listen({ transport: "unix", path });
const tls = Deno.listenTls({ hostname, port: 0, ...good });
serve(tcp);
serve(unix);
serve(tls);
const places: Record<string, Place> = {
  TCP: { address: { transport: "tcp", hostname, port: tcp.addr.port } },
  UNIX: { address: { transport: "unix", path } },
  TLS: { address: { transport: "tcp", hostname, port: tls.addr.port }, ca },
};
tell(places);
await answerTasks(() => {});
for (const listener of [tcp, unix, tls]) listener.close();
