/**
 * Byte pipes for every runtime, and the {@linkcode Driver} that runs any protocol over any of them.
 *
 * The adapters are `@dovewire/dovewire/transports/deno`, `/node`, `/bun` and `/cloudflare`; this module
 * loads the one for the current runtime on first use.
 *
 * @module
 */

import type {
  Address,
  ChildProcess,
  ConnectOptions,
  Connector,
  Listen,
  Listener,
  ListenOptions,
  Spawn,
  SpawnOptions,
  Transport,
} from "./transport.ts";
import type { HttpListener, HttpPlace, HttpResponder, ListenHttp } from "./http/http_listener.ts";
import * as unsupported from "./unsupported.ts";

export { callListener } from "./call_listener.ts";
export {
  type DrivableProtocol,
  Driver,
  type DriverOptions,
  type ReleasedTransport,
} from "./driver.ts";
export type {
  HttpCloseOptions,
  HttpListener,
  HttpPlace,
  HttpResponder,
  ListenHttp,
} from "./http/http_listener.ts";
export { type InputEnd, PendingRead, type Read } from "./pending_read.ts";
export {
  abortError,
  type Clock,
  Deadline,
  type DeadlineOptions,
  defaultTimeout,
  onAbort,
  startTimer,
  timeLimit,
  type Timer,
} from "./timers.ts";
export {
  type Address,
  type ChildProcess,
  type ConnectOptions,
  type Connector,
  type Listen,
  type Listener,
  type ListenOptions,
  type Spawn,
  type SpawnOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

/** Connects with the current runtime's adapter. Rejects with a `TransportError`. */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  const adapter = await adapterOfRuntime();
  return await adapter.connect(address, options);
}

/** Listens with the current runtime's adapter. Rejects with a `TransportError`. */
export async function listen(address: Address, options: ListenOptions = {}): Promise<Listener> {
  const adapter = await adapterOfRuntime();
  return await adapter.listen(address, options);
}

/** Starts a child process with the current runtime's adapter. Rejects with a `TransportError`. */
export async function spawn(
  command: readonly string[],
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  const adapter = await adapterOfRuntime();
  return await adapter.spawn(command, options);
}

/**
 * This process's stdin and stdout as a transport, with the current runtime's adapter; call it once. Rejects
 * with a `TransportError` where there are none, as on Cloudflare Workers.
 */
export async function stdio(): Promise<Transport> {
  const adapter = await adapterOfRuntime();
  return adapter.stdio();
}

/**
 * Answers HTTP requests with a function from web requests to responses, with the current runtime's adapter.
 * Rejects with a `TransportError`.
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
  const adapter = await adapterOfRuntime();
  return await adapter.listenHttp(place, responder);
}

/** The exports of an adapter. */
interface Adapter {
  readonly connect: Connector;
  readonly listen: Listen;
  readonly listenHttp: ListenHttp;
  readonly spawn: Spawn;
  readonly stdio: () => Transport;
}

/** Bun, Deno and Workers may have `node:net` as well, so that they are checked first. */
async function adapterOfRuntime(): Promise<Adapter> {
  if ("Deno" in globalThis) return await import("./deno.ts");
  if ("Bun" in globalThis) return await import("./bun.ts");
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") {
    const { connect } = await import("./cloudflare.ts");
    return { ...unsupported, connect };
  }
  return await import("./node.ts");
}
