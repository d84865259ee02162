/**
 * Lets a runtime's `fetch` set up what it keeps for good, so that no test takes that for its leftover:
 * Node's has a clock of its own, which begins with the first connection.
 *
 * @module
 */

import assert from "node:assert/strict";
import { listen } from "../../harness/sockets.ts";

/** Fetches something from a server of its own. */
export async function warmUpFetch(): Promise<void> {
  await using server = await listen("tcp", (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
  });
  assert(server.address.transport === "tcp");
  await fetch(`http://127.0.0.1:${server.address.port}/`);
}
