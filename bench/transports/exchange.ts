/**
 * The data of the transports' benchmark, and the protocol that moves it under the driver.
 *
 * @module
 */

import type { Protocol } from "../../core/protocol.ts";
import type { BareConnect, Place } from "../bare/bare_socket.ts";
import type { Stopwatch } from "../harness/stopwatch.ts";

/**
 * The data to move: `amount` bytes to the peer or from it, in chunks of 64 KiB, or `amount` round trips
 * of 64 bytes, one at a time.
 */
export interface Exchange {
  readonly kind: "send" | "receive" | "round trips";
  readonly amount: number;
}

/** The size of the chunks that are moved one way, in bytes. */
export const chunkSize = 65_536;

/** The size of the messages of round trips, in bytes. */
export const messageSize = 64;

const kinds: readonly Exchange["kind"][] = ["send", "receive", "round trips"];

/** The size of an encoded header, in bytes. */
export const headerSize = 5;

/** The first bytes of a client, which describe the exchange to the peer. */
export function encodeHeader({ kind, amount }: Exchange): Uint8Array {
  const header = new Uint8Array(headerSize);
  header[0] = kinds.indexOf(kind);
  new DataView(header.buffer).setUint32(1, amount);
  return header;
}

/** The exchange of a header. */
export function decodeHeader(header: Uint8Array): Exchange {
  const view = new DataView(header.buffer, header.byteOffset, headerSize);
  return { kind: kinds[header[0]], amount: view.getUint32(1) };
}

/** How many bytes the peer sends in an exchange; after it has received all bytes, it sends one. */
export function bytesToCome({ kind, amount }: Exchange): number {
  if (kind === "send") return 1;
  return kind === "receive" ? amount : amount * messageSize;
}

/** Connects, moves the bytes with a bare API, which is measured, and closes. */
export async function moveBytes(
  connect: BareConnect,
  { place, exchange, watch }: {
    readonly place: Place;
    readonly exchange: Exchange;
    readonly watch: Stopwatch;
  },
): Promise<void> {
  const { kind, amount } = exchange;
  const piece = new Uint8Array(kind === "send" ? chunkSize : messageSize);
  let toCome = bytesToCome(exchange);
  let arrived!: () => void;
  let fail!: (error: Error) => void;
  const done = new Promise<void>((resolve, reject) => [arrived, fail] = [resolve, reject]);
  const socket = await connect(place, {
    onChunk(chunk) {
      toCome -= chunk.length;
      if (toCome === 0) arrived();
      else if (kind === "round trips" && toCome % messageSize === 0) void socket.write(piece);
    },
    onEnd(error = new Error("The peer ended the exchange too early.")) {
      fail(error);
    },
  });
  watch.start();
  await socket.write(encodeHeader(exchange));
  if (kind === "round trips") await socket.write(piece);
  for (let left = kind === "send" ? amount : 0; left > 0; left -= chunkSize) {
    const taken = socket.write(piece);
    // Waiting for nothing would take time, too.
    if (taken !== undefined) await taken;
  }
  await done;
  watch.stop();
  socket.close();
}

/** The client's end of an exchange. */
export class ExchangeProtocol implements Protocol<{ readonly type: "end" }> {
  readonly deadline: undefined;
  readonly holdsInput = false;
  #exchange: Exchange;
  #header: Uint8Array | undefined;
  #piece: Uint8Array;
  /** How many bytes are still to be sent. */
  #toSend: number;
  /** How many may be sent before the next bytes arrive. */
  #window: number;
  #toCome: number;
  #ended = false;

  /** Creates one. */
  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#header = encodeHeader(exchange);
    const { kind, amount } = exchange;
    this.#piece = new Uint8Array(kind === "send" ? chunkSize : messageSize);
    this.#toSend = kind === "send" ? amount : kind === "receive" ? 0 : amount * messageSize;
    this.#window = kind === "send" ? amount : messageSize;
    this.#toCome = bytesToCome(exchange);
  }

  /** Counts the bytes that arrive. */
  receive(chunk: Uint8Array): void {
    this.#toCome -= chunk.length;
    if (this.#exchange.kind === "round trips") this.#window += chunk.length;
  }

  /** Throws if the peer ends before the exchange is complete. */
  receiveEnd(): void {
    if (this.#toCome > 0) throw new Error("The peer ended the exchange too early.");
  }

  /** The "end" event, after all bytes have arrived. */
  nextEvent(): { readonly type: "end" } | undefined {
    if (this.#ended || this.#toCome > 0) return undefined;
    this.#ended = true;
    return { type: "end" };
  }

  /** The header, then one chunk after the other. */
  takeOutput(): Uint8Array | undefined {
    const header = this.#header;
    if (header !== undefined) {
      this.#header = undefined;
      return header;
    }
    const piece = this.#piece;
    if (this.#toSend === 0 || this.#window < piece.length) return undefined;
    this.#toSend -= piece.length;
    this.#window -= piece.length;
    return piece;
  }

  /** There is no deadline. */
  handleTimeout(): void {}
}
