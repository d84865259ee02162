/**
 * Decodes a conversation of the doveadm protocol for a reader: what each byte means, where it is, and where it
 * breaks the protocol.
 *
 * @module
 */

import { indexOfLineFeed, plainBytes } from "../../bytes.ts";
import { LocalProtocolError } from "../../errors.ts";
import { shownValue } from "../../option_checks.ts";
import { InputQueue } from "../../input_queue.ts";
import { ClientSide } from "./client_side.ts";
import { Exchange } from "./exchange.ts";
import { ServerSide } from "./server_side.ts";
import type { SideReader } from "./side_reader.ts";
import type { TraceItem, TraceSide } from "./trace_item.ts";

/** Options for a {@linkcode ConversationDecoder}. */
export interface ConversationDecoderOptions {
  /** How many characters of a text are shown, from 1 to 1,000,000; 1000 if left out. */
  readonly maxShown?: number;
}

/** The highest `maxShown`. */
const mostShown = 1_000_000;

/** The most bytes that are decoded at a time, so that few items wait to be taken. */
const longestStep = 4096;

/** A side, and what of it was received and is not decoded. */
interface Side {
  readonly reader: SideReader;
  readonly waiting: InputQueue;
  /** How many bytes were decoded. */
  at: number;
  isEnded: boolean;
}

/**
 * Decodes both sides of a conversation that somebody has recorded, or listens to. It answers nothing, and no
 * mistake of a side stops it: it goes on as far as the bytes make sense.
 *
 * Give it what the sides sent in that order, and take the items of a side after its bytes. However the bytes
 * are cut, the same items come out. Passwords, and what else is known to be secret, are in none of them.
 *
 * @example
 * ```ts
 * import { ConversationDecoder } from "@dovewire/dovewire/core/doveadm";
 * import { encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const decoder = new ConversationDecoder();
 * decoder.receive("client", encodeUtf8("VERSION\tdoveadm-server\t1\t0\n"));
 * assert.deepEqual(decoder.nextItem("client"), {
 *   side: "client",
 *   ranges: [{ start: 0, end: 27 }],
 *   content: { type: "version", minor: 0 },
 * });
 * decoder.receive("server", encodeUtf8("+\n"));
 * assert.deepEqual(decoder.nextItem("server")?.content, { type: "accepted", minor: 0 });
 * ```
 */
export class ConversationDecoder {
  #exchange: Exchange;
  #sides: Readonly<Record<TraceSide, Side>>;

  /** Creates a decoder; throws a `LocalProtocolError` for an invalid option. */
  constructor({ maxShown = 1000 }: ConversationDecoderOptions = {}) {
    if (!Number.isInteger(maxShown) || maxShown < 1 || maxShown > mostShown) {
      throw new LocalProtocolError(
        `"maxShown" is ${shownValue(maxShown)}. Set it to an integer from 1 to ${mostShown}.`,
      );
    }
    this.#exchange = new Exchange(maxShown);
    const sideOf = (reader: SideReader): Side => ({
      ...{ reader, waiting: new InputQueue(), at: 0, isEnded: false },
    });
    this.#sides = {
      client: sideOf(new ClientSide(this.#exchange)),
      server: sideOf(new ServerSide(this.#exchange)),
    };
  }

  /** Whether something that was decoded of the client has no answer of the server's yet. */
  get isServerOwed(): boolean {
    return this.#exchange.isServerOwed;
  }

  /** How many commands were decoded. */
  get commands(): number {
    return this.#exchange.commands;
  }

  /** How many bytes of a side were received. */
  received(side: TraceSide): number {
    const { at, waiting } = this.#sides[side];
    return at + waiting.size;
  }

  /** Takes bytes that a side sent; they belong to the decoder from here on. */
  receive(side: TraceSide, chunk: Uint8Array): void {
    const { waiting, isEnded } = this.#sides[side];
    if (isEnded) {
      throw new LocalProtocolError(
        `The ${side} has ended, and can't send more. Use a new decoder.`,
      );
    }
    waiting.push(plainBytes(chunk));
  }

  /**
   * The next item of a side, or `undefined` if more bytes are needed. Take all of them before the other
   * side's next bytes, unless nobody knows which of the two came first.
   */
  nextItem(side: TraceSide): TraceItem | undefined {
    const it = this.#sides[side];
    for (;;) {
      const item = it.reader.take();
      if (item !== undefined) return item;
      const chunk = it.waiting.takeChunk();
      if (chunk === undefined) return undefined;
      // Commands and replies end in an LF: none is decoded before the caller wants it.
      const found = indexOfLineFeed(chunk, 0, Math.min(chunk.length, longestStep));
      const size = found === -1 ? longestStep : found + 1;
      const bytes = chunk.subarray(0, size);
      it.waiting.untake(chunk.subarray(size));
      const { at } = it;
      it.at += bytes.length;
      it.reader.read({ bytes, start: 0, end: bytes.length, at, size: bytes.length });
    }
  }

  /**
   * The side has ended: call this after its last bytes, take all items before it, and those that come of it after
   * it. With `false` for `isEnd` nothing is known of its end, since the recording ends.
   */
  receiveEnd(side: TraceSide, isEnd: boolean = true): void {
    const it = this.#sides[side];
    if (it.isEnded) return;
    it.isEnded = true;
    it.reader.end(isEnd);
  }
}
