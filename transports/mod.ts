/**
 * Byte pipes on whatever runtime this is.
 *
 * @module
 */

import {
  type Address,
  type ConnectOptions,
  type Connector,
  type Listen,
  type Listener,
  listenError,
  type ListenOptions,
  type Transport,
} from "./transport.ts";

/** Connects with the adapter of the runtime that it runs on. Rejects with a `TransportError`. */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  const adapter = await adapterOfRuntime();
  return await adapter.connect(address, options);
}

/** Listens with the adapter of the runtime that it runs on. Rejects with a `TransportError`. */
export async function listen(address: Address, options: ListenOptions = {}): Promise<Listener> {
  const adapter = await adapterOfRuntime();
  return await adapter.listen(address, options);
}

/** Bun, Deno and Workers may have `node:net` as well, so that they are looked for first. */
async function adapterOfRuntime(): Promise<{ connect: Connector; listen: Listen }> {
  if ("Deno" in globalThis) return await import("./deno.ts");
  if ("Bun" in globalThis) return await import("./bun.ts");
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") {
    return { ...await import("./cloudflare.ts"), listen: refuseToListen };
  }
  return await import("./node.ts");
}

function refuseToListen(address: Address): Promise<Listener> {
  const why = "Cloudflare Workers can't. Serve from Deno, Node or Bun.";
  return Promise.reject(listenError("unsupported", address, undefined, why));
}
