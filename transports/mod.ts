/**
 * Byte pipes on whatever runtime this is.
 *
 * @module
 */

import type {
  Address,
  ConnectOptions,
  Connector,
  Listen,
  Listener,
  ListenOptions,
  Transport,
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

/** Bun and Deno have `node:net` as well, so that they are looked for first. */
function adapterOfRuntime(): Promise<{ connect: Connector; listen: Listen }> {
  if ("Deno" in globalThis) return import("./deno.ts");
  if ("Bun" in globalThis) return import("./bun.ts");
  return import("./node.ts");
}
