/**
 * A Worker that makes a mistake: it keeps a connection for the next request, which returns what comes
 * of using it.
 *
 * @module
 */

import { connect } from "../../transports/cloudflare.ts";
import type { Transport } from "../../transports/transport.ts";

let kept: Transport | undefined;

/** The Worker; a request's path is the port to connect to. */
const worker: { fetch(request: Request): Promise<Response> } = {
  async fetch(request) {
    if (kept === undefined) {
      const port = Number(new URL(request.url).pathname.slice(1));
      kept = await connect({ transport: "tcp", hostname: "127.0.0.1", port });
      return Response.json([]);
    }
    const messages: string[] = [];
    const keep = (error: Error) => void messages.push(error.message);
    await kept.read().catch(keep);
    await kept.write(Uint8Array.of(1)).catch(keep);
    await kept.closeWrite().catch(keep);
    await kept.close();
    return Response.json(messages);
  },
};

// What a module has as default is the Worker that it is.
export default worker;
