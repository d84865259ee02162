/**
 * Speaks to a server without the library's help.
 *
 * @module
 */

import { connect } from "node:net";
import type { NetConnectOpts, Socket } from "node:net";

/** With minor version 0 there are no packets. */
export const RAW: string = "VERSION\tdoveadm-server\t1\t0\n";

/** Connects; fails if nothing arrives for a minute, so that no test hangs. */
export function open(address: NetConnectOpts): Socket {
  const socket = connect(address);
  socket.setTimeout(60_000, () => socket.destroy(new Error("nothing came for a minute")));
  return socket;
}

/** Sends the text and then a FIN; resolves to the response until the server closes. */
export function ask(address: NetConnectOpts, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open(address);
    let received = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.end(text));
    socket.on("data", (chunk) => received += chunk);
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}
