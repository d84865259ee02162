/**
 * What the bench of the transports moves, and the protocol that moves it under the driver.
 *
 * @module
 */

import type { Protocol } from "../../core/protocol.ts";
import type { Address } from "../../transports/transport.ts";

/** Where the peer listens. */
export interface Place {
  readonly address: Address;
  /** The authority to trust, as PEM, where it takes TLS. */
  readonly ca?: string;
}

/**
 * What to move: `amount` bytes to the peer or from it, in chunks of 64 KiB, or `amount` messages of 64
 * bytes there and back, one at a time.
 */
export interface Exchange {
  readonly kind: "send" | "receive" | "round trips";
  readonly amount: number;
}

/** Connects, moves the bytes and closes; gives how long the moving took, in milliseconds. */
export type Mover = (place: Place, exchange: Exchange) => Promise<number>;

/** How large the pieces are that are moved one way, in bytes. */
export const chunkSize = 65_536;

/** How large the messages are that go there and back, in bytes. */
export const messageSize = 64;

const kinds: readonly Exchange["kind"][] = ["send", "receive", "round trips"];

/** How large the {@linkcode encodeHeader} is, in bytes. */
export const headerSize = 5;

/** What a client says first, so that the peer knows what to do. */
export function encodeHeader({ kind, amount }: Exchange): Uint8Array {
  const header = new Uint8Array(headerSize);
  header[0] = kinds.indexOf(kind);
  new DataView(header.buffer).setUint32(1, amount);
  return header;
}

/** What the client wants. */
export function decodeHeader(header: Uint8Array): Exchange {
  const view = new DataView(header.buffer, header.byteOffset, headerSize);
  return { kind: kinds[header[0]], amount: view.getUint32(1) };
}

/** How many bytes the peer sends in an exchange: for those that it gets, it sends one when it has all. */
export function bytesToCome({ kind, amount }: Exchange): number {
  if (kind === "send") return 1;
  return kind === "receive" ? amount : amount * messageSize;
}

/** The client's end of an exchange. */
export class ExchangeProtocol implements Protocol<{ readonly type: "end" }> {
  readonly deadline: undefined;
  #exchange: Exchange;
  #header: Uint8Array | undefined;
  #piece: Uint8Array;
  /** How many bytes are still to be sent. */
  #toSend: number;
  /** How many may be sent before more comes. */
  #window: number;
  #toCome: number;
  #ended = false;

  /** Makes one. */
  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#header = encodeHeader(exchange);
    const { kind, amount } = exchange;
    this.#piece = new Uint8Array(kind === "send" ? chunkSize : messageSize);
    this.#toSend = kind === "send" ? amount : kind === "receive" ? 0 : amount * messageSize;
    this.#window = kind === "send" ? amount : messageSize;
    this.#toCome = bytesToCome(exchange);
  }

  /** Counts what comes. */
  receive(chunk: Uint8Array): void {
    this.#toCome -= chunk.length;
    if (this.#exchange.kind === "round trips") this.#window += chunk.length;
  }

  /** The peer has no reason to end first. */
  receiveEnd(): void {
    if (this.#toCome > 0) throw new Error("The peer ended the exchange too early.");
  }

  /** Ends when all came. */
  nextEvent(): { readonly type: "end" } | undefined {
    if (this.#ended || this.#toCome > 0) return undefined;
    this.#ended = true;
    return { type: "end" };
  }

  /** The header, and then one piece after the other. */
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
