/**
 * Listens for HTTP by `node:http`, which Deno and Bun have as well.
 *
 * @module
 */

import type { Server } from "node:http";
import { checkFunction, checkOptions } from "../../core/option_checks.ts";
import { checkAddress } from "../address_checks.ts";
import { startTimer, timeLimit } from "../timers.ts";
import { codeOfSystemError, listenBacklog, listenError } from "../transport.ts";
import type { HttpCloseOptions, HttpListener, HttpPlace, HttpResponder } from "./http_listener.ts";
import { nodeListener } from "./node_listener.ts";

/**
 * Answers HTTP requests at a TCP port with a function from web requests to responses, as `nodeListener` does.
 * Rejects with a `TransportError` if it can't listen, and with a `LocalProtocolError` for an invalid place.
 *
 * When it closes on Bun, connections on which nothing was ever sent stay open until their clients close them.
 *
 * @example
 * ```ts
 * import { listenHttp } from "@dovewire/dovewire/transports";
 * import assert from "node:assert/strict";
 *
 * const place = { hostname: "127.0.0.1", port: 0 };
 * await using listener = await listenHttp(place, ({ method }) => new Response(method));
 * const response = await fetch(`http://127.0.0.1:${listener.address.port}/`);
 * assert.equal(await response.text(), "GET");
 * ```
 */
export async function listenHttp(
  place: HttpPlace,
  responder: HttpResponder,
): Promise<HttpListener> {
  const { hostname, port } = place ?? {};
  checkAddress({ transport: "tcp", hostname, port }, {});
  checkFunction("The responder", responder);
  // Most programs never serve HTTP, and loading it takes time.
  const { createServer } = await import("node:http");
  const respond = nodeListener(responder);
  const running = new RunningRequests();
  const server = createServer((request, response) => {
    running.begin();
    response.once("close", () => running.end());
    respond(request, response);
  });
  await listening(server, { hostname, port });
  return new NodeHttpListener(server, hostname, running);
}

async function listening(server: Server, { hostname, port }: HttpPlace): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: hostname, port, backlog: listenBacklog }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    const address = { transport: "tcp", hostname, port } as const;
    throw listenError(codeOfSystemError(error), address, error);
  }
  // A client that can't be accepted ends nothing.
  server.on("error", () => {});
}

/** Counts the requests that are being answered. */
class RunningRequests {
  #count = 0;
  #onIdle: (() => void) | undefined;

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count === 0) this.#onIdle?.();
  }

  /** Resolves when none runs, or the time is over. */
  async idle(limit: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = startTimer(limit, resolve);
      this.#onIdle = () => {
        timer.stop();
        resolve();
      };
    });
  }
}

class NodeHttpListener implements HttpListener {
  readonly address: HttpListener["address"];
  readonly #server: Server;
  readonly #running: RunningRequests;
  #closing: Promise<void> | undefined;

  constructor(server: Server, hostname: string, running: RunningRequests) {
    const bound = server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : 0;
    this.address = { transport: "tcp", hostname, port };
    this.#server = server;
    this.#running = running;
  }

  async close(options: HttpCloseOptions = {}): Promise<void> {
    checkOptions(options);
    const { timeout = 5000 } = options;
    const limit = timeLimit("timeout", timeout);
    await (this.#closing ??= this.#close(limit));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(limit: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#running.idle(limit);
    this.#server.closeAllConnections();
    await closed;
  }
}
