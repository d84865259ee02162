/**
 * Passes bytes on without a look at them, with the runtime's own API.
 *
 * @module
 */

import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** Listens on a free port of 127.0.0.1, passes each connection on to another one, and returns its port. */
export async function startPipe(port: number): Promise<number> {
  if ("Deno" in globalThis) return startWithDeno(port);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    client.pipe(upstream);
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function startWithDeno(port: number): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const client of listener) {
      const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
      client.setNoDelay();
      upstream.setNoDelay();
      for (const [source, sink] of [[client, upstream], [upstream, client]]) {
        void copy(source, sink).catch(() => {});
      }
    }
  })();
  return listener.addr.port;
}

async function copy(source: Deno.TcpConn, sink: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let size = await source.read(buffer); size !== null; size = await source.read(buffer)) {
    for (let at = 0; at < size;) at += await sink.write(buffer.subarray(at, size));
  }
  await sink.closeWrite();
}
