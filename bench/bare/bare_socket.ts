/**
 * A socket of the runtime's own API, used in the simplest way that is fast: what the library is compared with.
 *
 * @module
 */

import type { Address } from "../../transports/transport.ts";

/** Where a peer listens. */
export interface Place {
  readonly address: Address;
  /** The CA to trust, as PEM, if it uses TLS. */
  readonly ca?: string;
}

/** A connected socket. */
export interface BareSocket {
  /** Writes; the next call waits for the promise if there is one. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Closes it; nothing more is reported then. */
  close(): void;
}

/** What a socket reports. */
export interface BareListener {
  /** Bytes, which are valid during the call. */
  readonly onChunk: (chunk: Uint8Array) => void;
  /** The end, or an error. */
  readonly onEnd: (error?: Error) => void;
}

/** Connects. */
export type BareConnect = (place: Place, listener: BareListener) => Promise<BareSocket>;

/** The APIs of this runtime by name; the first one is the floor. */
export interface BareApis {
  /** The name of the one that has all that a transport needs; `undefined` if that is the floor. */
  readonly limit: string | undefined;
  /** For sending and receiving. */
  readonly always: Readonly<Record<string, BareConnect>>;
  /** More, which differ in how they receive. */
  readonly receivers: Readonly<Record<string, BareConnect>>;
}

/** The APIs of this runtime for a place. */
export async function bareApis({ address, ca }: Place): Promise<BareApis> {
  const { connectByNode } = await import("./node.ts");
  const isSecured = ca !== undefined;
  const name = isSecured ? "node:tls" : "node:net";
  const byNode = { [name]: connectByNode };
  if ("Deno" in globalThis) return await apisOfDeno(isSecured ? byNode : {});
  if (!("Bun" in globalThis)) return { limit: undefined, always: byNode, receivers: {} };
  const { connectByBun } = await import("./bun.ts");
  // To connect by `Bun.connect` to another machine can't be aborted.
  const limit = address.transport === "unix" ? undefined : name;
  return { limit, always: { "Bun.connect": connectByBun, ...byNode }, receivers: {} };
}

/** The APIs of Deno, and those of `node:tls` if they are given. */
async function apisOfDeno(byNode: Readonly<Record<string, BareConnect>>): Promise<BareApis> {
  const { connectByDeno } = await import("./deno.ts");
  const always = { "Deno.connect": connectByDeno({ reusesBuffer: true }) };
  // As it has to be if bytes are passed on.
  const receivers = { "Deno.connect, new buffers": connectByDeno({ reusesBuffer: false }) };
  if (Object.keys(byNode).length === 0) return { limit: undefined, always, receivers };
  const { connectByDenoTls } = await import("./deno_tls.ts");
  const limit = "node:tls over Deno.connect";
  return { limit, always: { ...always, ...byNode, [limit]: connectByDenoTls }, receivers };
}

/** Whether the floor of this runtime has all that it receives in one buffer, unless it is told otherwise. */
export const isBufferShared = "Deno" in globalThis;

/** Connects by the API that is the floor; on request with a new buffer for each chunk. */
export async function connectBare(
  place: Place,
  listener: BareListener,
  { hasNewBuffers = false }: { readonly hasNewBuffers?: boolean } = {},
): Promise<BareSocket> {
  const { always, receivers } = await bareApis(place);
  const apis = hasNewBuffers ? { ...receivers, ...always } : always;
  return await Object.values(apis)[0](place, listener);
}
