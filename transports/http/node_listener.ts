/**
 * Adapts handlers of web requests to `node:http` and `node:https`.
 *
 * @module
 */

import { checkFunction } from "../../core/option_checks.ts";

/** A request as `node:http` has it. */
export interface NodeRequest extends AsyncIterable<unknown> {
  /** The method. */
  readonly method?: string | undefined;
  /** The path and the query. */
  readonly url?: string | undefined;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** Whether its body has arrived. */
  readonly complete: boolean;
  /** Its connection. */
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** A response as `node:http` has it. */
export interface NodeResponse {
  /** The reason phrase. */
  statusMessage: string;
  /** The status. */
  statusCode: number;
  /** Whether its connection is closed. */
  readonly closed: boolean;
  /** Whether all of it was written. */
  readonly writableFinished: boolean;
  /** Whether it has begun. */
  readonly headersSent: boolean;
  /** Sets a header. */
  setHeader(name: string, value: string | readonly string[]): unknown;
  /** Writes a chunk; returns whether there is room for more. */
  write(chunk: Uint8Array): boolean;
  /** Ends it. */
  end(): unknown;
  /** Breaks it off. */
  destroy(): unknown;
  /** Calls back once. */
  once(event: "close" | "drain", listener: () => void): unknown;
  /** Calls back for each error. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Calls back no more. */
  off(event: "close" | "drain", listener: () => void): unknown;
}

/**
 * Creates a listener for Node's `createServer` from a handler of web requests, which gets the client's
 * address as its second argument.
 *
 * Bodies pass in both directions no faster than they are read, and a client that disconnects aborts the
 * request's signal. A handler that throws gets the client a status 500, or a broken response if that has
 * begun, and so does a body that is longer or shorter than its response's Content-Length, of which the client would
 * take the rest for another response, or wait for it.
 *
 * Throws a `LocalProtocolError` for a handler that is no function.
 *
 * @example
 * ```ts
 * import { httpHandler, nodeListener } from "@dovewire/dovewire/server";
 * import { createServer } from "node:http";
 *
 * const api = httpHandler(() => ["INBOX"], {
 *   password: "s3cret",
 *   addressOf: (_, address: string) => address,
 * });
 * const server = createServer(nodeListener(api));
 * server.listen(0, "127.0.0.1", () => server.close());
 * ```
 */
export function nodeListener(
  handler: (request: Request, address: string) => Response | Promise<Response>,
): (request: NodeRequest, response: NodeResponse) => void {
  checkFunction("The handler", handler);
  return (incoming, outgoing) => {
    // What breaks a response shows by "close" as well.
    outgoing.on("error", () => {});
    void respond(incoming, outgoing, handler);
  };
}

async function respond(
  incoming: NodeRequest,
  outgoing: NodeResponse,
  handler: (request: Request, address: string) => Response | Promise<Response>,
): Promise<void> {
  const controller = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) controller.abort(new Error("The client has disconnected."));
  });
  try {
    const request = requestOf(incoming, controller.signal);
    const response = request === undefined
      ? new Response("Bad Request\r\n", { status: 400 })
      : await handler(request, incoming.socket.remoteAddress ?? "");
    // The rest of a body that nobody reads would be waited for.
    if (!incoming.complete) outgoing.setHeader("Connection", "close");
    await send(response, outgoing);
  } catch {
    if (!outgoing.closed) fail(outgoing);
  }
}

/** The request for a handler; `undefined` for one that can't be. */
function requestOf(incoming: NodeRequest, signal: AbortSignal): Request | undefined {
  const { method = "GET", url = "/", rawHeaders } = incoming;
  try {
    const headers = new Headers();
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at], rawHeaders[at + 1]);
    }
    const body = method === "GET" || method === "HEAD" ? null : bodyOf(incoming);
    const init = { method, headers, signal, body, duplex: "half" };
    return new Request(urlOf(url), init);
  } catch {
    return undefined;
  }
}

/** The URL of a request's target; the host is in the headers, where it may be anything. */
function urlOf(target: string): URL {
  // Not relative to a base: "//host/path" is a path, too.
  if (target.startsWith("/")) return new URL(`http://localhost${target}`);
  return new URL(target === "*" ? "/*" : target, "http://localhost");
}

/** A request's body. Cancelling it does nothing: ending the request would end its connection, too. */
function bodyOf(incoming: NodeRequest): ReadableStream<Uint8Array> {
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
  }, { highWaterMark: 0 });
}

async function send(response: Response, outgoing: NodeResponse): Promise<void> {
  const { status, statusText, headers, body } = response;
  const reader = body?.getReader();
  // What waits for a chunk that never comes ends with the connection.
  outgoing.once("close", () => void reader?.cancel().catch(() => {}));
  const length = new AnnouncedLength(headers);
  const read = async () => length.checked(await reader!.read());
  // Before the headers are set, which would be those of another response if there is no first chunk.
  let next = reader && await read();
  outgoing.statusCode = status;
  if (statusText !== "") outgoing.statusMessage = statusText;
  for (const [name, value] of headers) outgoing.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("Set-Cookie", cookies);
  for (; reader !== undefined && next?.done === false; next = await read()) {
    await write(next.value, outgoing);
    if (outgoing.closed) return void await reader.cancel();
  }
  outgoing.end();
}

/** How much of a body is to come, if its response says so. */
class AnnouncedLength {
  #left: number;

  constructor(headers: Headers) {
    this.#left = Number(headers.get("content-length") ?? NaN);
  }

  /** Returns what was read; throws if there is more or less than was announced. */
  checked(read: ReadableStreamReadResult<Uint8Array>): ReadableStreamReadResult<Uint8Array> {
    this.#left -= read.done ? 0 : read.value.length;
    if (this.#left < 0 || read.done && this.#left > 0) {
      throw new Error("The body has another length than its Content-Length says.");
    }
    return read;
  }
}

/** Answers a client whose handler failed: with a status, if the response hasn't begun. */
function fail(outgoing: NodeResponse): void {
  if (outgoing.headersSent) return void outgoing.destroy();
  outgoing.statusCode = 500;
  outgoing.end();
}

/** Writes a chunk; resolves when there is room for more, or the client is gone. */
async function write(chunk: Uint8Array, outgoing: NodeResponse): Promise<void> {
  if (outgoing.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const onRoom = () => {
      outgoing.off("drain", onRoom);
      outgoing.off("close", onRoom);
      resolve();
    };
    outgoing.once("drain", onRoom);
    outgoing.once("close", onRoom);
  });
}
