/**
 * HTTP servers of the runtime that runs the tests.
 *
 * @module
 */

import { createServer } from "node:http";
import { nodeListener } from "../../../../doveadm/server/mod.ts";
import { listenBacklog } from "../../../../transports/transport.ts";

/** Answers a request of a client with this address. */
export type Handler = (request: Request, address: string) => Response | Promise<Response>;

/** A server that listens until it is disposed of. */
export interface HttpServing extends AsyncDisposable {
  readonly url: string;
}

/** Ways to serve a handler over HTTP, by name: `node:http`, and the runtime's own where there is one. */
export const ways: Readonly<Record<string, (handler: Handler) => Promise<HttpServing>>> = {
  "node:http": serveByNode,
  ..."Deno" in globalThis ? { "Deno.serve": serveByDeno } : {},
  ..."Bun" in globalThis ? { "Bun.serve": serveByBun } : {},
};

async function serveByNode(handler: Handler): Promise<HttpServing> {
  const server = createServer(nodeListener(handler));
  const place = { host: "127.0.0.1", port: 0, backlog: listenBacklog };
  await new Promise<void>((resolve) => server.listen(place, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("This is no TCP server.");
  return {
    url: `http://127.0.0.1:${address.port}/doveadm/v1`,
    async [Symbol.asyncDispose](): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function serveByDeno(handler: Handler): Promise<HttpServing> {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", tcpBacklog: listenBacklog, onListen: () => {} },
    (request, { remoteAddr }) => handler(request, remoteAddr.hostname),
  );
  return Promise.resolve({
    url: `http://127.0.0.1:${server.addr.port}/doveadm/v1`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

/** The part of Bun's API that is used here. */
interface BunServing {
  serve(options: {
    port: number;
    hostname: string;
    idleTimeout: number;
    fetch(
      request: Request,
      server: { requestIP(request: Request): { address: string } | null },
    ): Response | Promise<Response>;
  }): { readonly port: number; stop(closeActive: boolean): Promise<void> };
}

function serveByBun(handler: Handler): Promise<HttpServing> {
  const { Bun } = globalThis as unknown as { Bun: BunServing };
  const server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1", idleTimeout: 0 },
    fetch: (request, server) => handler(request, server.requestIP(request)?.address ?? ""),
  });
  return Promise.resolve({
    url: `http://127.0.0.1:${server.port}/doveadm/v1`,
    [Symbol.asyncDispose]: () => server.stop(true),
  });
}
