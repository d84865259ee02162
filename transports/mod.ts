/**
 * Byte pipes on whatever runtime this is.
 *
 * @module
 */

import type { Address, ConnectOptions, Connector, Transport } from "./transport.ts";

/** Connects with the adapter of the runtime that it runs on. Rejects with a `TransportError`. */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  const adapter = await adapterOfRuntime();
  return await adapter.connect(address, options);
}

/** Bun and Deno have `node:net` as well, so that they are looked for first. */
function adapterOfRuntime(): Promise<{ connect: Connector }> {
  if ("Deno" in globalThis) return import("./deno.ts");
  if ("Bun" in globalThis) return import("./bun.ts");
  return import("./node.ts");
}
