/**
 * The adapter for runtimes without sockets and processes, such as browsers: every function rejects, or
 * throws, with a `TransportError` whose code is "unsupported".
 *
 * The npm package puts it in place of the adapters for Deno, Node and Bun where it is bundled for browsers.
 *
 * @module
 */

import type { HttpListener, HttpPlace, HttpResponder } from "./http/http_listener.ts";
import {
  type Address,
  type ChildProcess,
  connectError,
  type ConnectOptions,
  type Listener,
  listenError,
  type ListenOptions,
  spawnError,
  type SpawnOptions,
  type Transport,
  TransportError,
} from "./transport.ts";

export {
  type Address,
  type ChildProcess,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type SpawnOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";
export type {
  HttpCloseOptions,
  HttpListener,
  HttpPlace,
  HttpResponder,
} from "./http/http_listener.ts";
export { type ExitStatus } from "../core/exit_status.ts";

/** Rejects: there are no sockets. */
export function connect(address: Address, _options?: ConnectOptions): Promise<Transport> {
  const help = "this runtime, or the browser that this was bundled for, has no sockets. " +
    "Connect from Deno, Node, Bun or Cloudflare Workers.";
  return Promise.reject(connectError("unsupported", address, undefined, help));
}

const noListeners = "this runtime has no listeners. Serve from Deno, Node or Bun.";

/** Rejects: there are no listeners. */
export function listen(address: Address, _options?: ListenOptions): Promise<Listener> {
  return Promise.reject(listenError("unsupported", address, undefined, noListeners));
}

/** Rejects: there are no listeners. */
export function listenHttp(
  { hostname, port }: HttpPlace,
  _responder?: HttpResponder,
): Promise<HttpListener> {
  const address = { transport: "tcp", hostname, port } as const;
  return Promise.reject(listenError("unsupported", address, undefined, noListeners));
}

/** Rejects: there are no processes. */
export function spawn(
  [program = "a process"]: readonly string[],
  _options?: SpawnOptions,
): Promise<ChildProcess> {
  const help = "this runtime has no processes. Start them from Deno, Node or Bun.";
  return Promise.reject(spawnError("unsupported", program, help));
}

/** Throws: there are no standard streams. */
export function stdio(): Transport {
  const help = "this runtime has no standard streams. Use them from Deno, Node or Bun.";
  throw new TransportError("unsupported", `Cannot use stdin and stdout: ${help}`);
}
