/**
 * How a test and a Worker talk of one transport: a WebSocket's messages, each with a head.
 *
 * @module
 */

import type { Address, TlsOptions, TransportErrorCode } from "../../transports/transport.ts";

/** A test's request; "piece" is the next part of the bytes to write, "write" the last one. */
export type Asked =
  | { readonly ask: "connect"; readonly address: Address; readonly tls?: TlsOptions }
  | { readonly ask: "abort" | "piece" | "write" | "read" | "closeWrite" | "close" }
  | { readonly ask: "startTls"; readonly tls: TlsOptions }
  | { readonly ask: "write-other"; readonly other: Other };

/** A value to write that is no bytes, as JSON has it, or by the name of its type. */
export interface Other {
  readonly value?: unknown;
  readonly type?: "Uint16Array" | "ArrayBuffer";
}

/** What the Worker answers, with a chunk's bytes after it where one was read. */
export type Answered =
  | { readonly ok: true; readonly end?: boolean; readonly peer?: string }
  | {
    readonly ok: false;
    readonly name: string;
    readonly message: string;
    readonly code?: TransportErrorCode;
  };

/** A message: what it is about, the number that asks and answers have in common, and bytes. */
export interface Message<Head> {
  readonly id: number;
  readonly head: Head;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Puts a message together. */
export function packed(
  id: number,
  head: Asked | Answered,
  bytes?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const message = new Uint8Array(8 + text.length + (bytes?.length ?? 0));
  const view = new DataView(message.buffer);
  view.setUint32(0, id);
  view.setUint32(4, text.length);
  message.set(text, 8);
  if (bytes !== undefined) message.set(bytes, 8 + text.length);
  return message;
}

/** Takes a message apart. */
export function unpacked<Head extends Asked | Answered>(data: ArrayBuffer): Message<Head> {
  const view = new DataView(data);
  const end = 8 + view.getUint32(4);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, end - 8)));
  return { id: view.getUint32(0), head, bytes: new Uint8Array(data, end) };
}
