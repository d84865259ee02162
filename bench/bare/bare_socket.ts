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

/** The APIs of this runtime. */
export async function bareApis(): Promise<BareApis> {
  if ("Deno" in globalThis) {
    const { connectByDeno } = await import("./deno.ts");
    return {
      always: { "Deno.connect": connectByDeno({ reusesBuffer: true }) },
      // As it has to be if bytes are passed on.
      receivers: { "Deno.connect, new buffers": connectByDeno({ reusesBuffer: false }) },
    };
  }
  const { connectByNode } = await import("./node.ts");
  if (!("Bun" in globalThis)) return { always: { "node:net": connectByNode }, receivers: {} };
  const { connectByBun } = await import("./bun.ts");
  return { always: { "Bun.connect": connectByBun, "node:net": connectByNode }, receivers: {} };
}

/** Connects by the API that is the floor. */
export async function connectBare(place: Place, listener: BareListener): Promise<BareSocket> {
  const { always } = await bareApis();
  return await Object.values(always)[0](place, listener);
}
