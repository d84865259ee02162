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
  /** For sending and receiving. */
  readonly always: Readonly<Record<string, BareConnect>>;
  /** More, which differ in how they receive. */
  readonly receivers: Readonly<Record<string, BareConnect>>;
}

/** The name of Node's API with TLS, which all runtimes have. */
export const NODE_TLS = "node:tls";

/** The APIs of this runtime, with TLS or without. */
export async function bareApis({ isSecured }: { readonly isSecured: boolean }): Promise<BareApis> {
  const { connectByNode } = await import("./node.ts");
  const byNode = { [isSecured ? NODE_TLS : "node:net"]: connectByNode };
  if ("Deno" in globalThis) {
    const { connectByDeno } = await import("./deno.ts");
    return {
      always: {
        "Deno.connect": connectByDeno({ reusesBuffer: true }),
        ...(isSecured ? byNode : {}),
      },
      // As it has to be if bytes are passed on.
      receivers: { "Deno.connect, new buffers": connectByDeno({ reusesBuffer: false }) },
    };
  }
  if (!("Bun" in globalThis)) return { always: byNode, receivers: {} };
  const { connectByBun } = await import("./bun.ts");
  return { always: { "Bun.connect": connectByBun, ...byNode }, receivers: {} };
}

/** Whether the floor of this runtime has all that it receives in one buffer, unless it is told otherwise. */
export const isBufferShared = "Deno" in globalThis;

/** Connects by the API that is the floor; on request with a new buffer for each chunk. */
export async function connectBare(
  place: Place,
  listener: BareListener,
  { hasNewBuffers = false }: { readonly hasNewBuffers?: boolean } = {},
): Promise<BareSocket> {
  const { always, receivers } = await bareApis({ isSecured: place.ca !== undefined });
  const apis = hasNewBuffers ? { ...receivers, ...always } : always;
  return await Object.values(apis)[0](place, listener);
}
