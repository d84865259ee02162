/**
 * A Worker with the HTTP API and a handler of its own.
 *
 * @module
 */

import { CommandFailure, httpHandler } from "../../doveadm/server/mod.ts";

const api = httpHandler(async function* ({ name, user, input, signal, log }) {
  switch (name) {
    case "mailbox list":
      if (user === "nobody") throw new CommandFailure("NOUSER", { log: "There is no nobody." });
      yield* ["INBOX", `${user}'s`];
      return;
    case "save": {
      let size = 0;
      for await (const piece of input) size += piece.length;
      log("info", `${size} bytes`);
      return;
    }
    case "search":
      for (let at = 0; at < 20_000; at++) yield* ["0123456789abcdef0123456789abcdef", String(at)];
      return;
    case "fetch":
      for (;;) {
        signal.throwIfAborted();
        yield "x".repeat(10_000);
        await new Promise((resolve) => setTimeout(resolve));
      }
  }
  throw new CommandFailure("");
}, { password: "s3cret", apiKey: "k3y", maxRequests: Infinity, limits: { bodies: Infinity } });

/** The Worker. */
const worker: { fetch(request: Request): Promise<Response> } = { fetch: (request) => api(request) };

// What a module has as default is the Worker that it is.
export default worker;
