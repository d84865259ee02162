/**
 * The two formats in which a doveadm server sends several channels through one connection.
 *
 * - packets (protocol 1.1 to 1.3): `<u8 channel> <u32 big-endian length> <bytes>`
 * - the stream format (1.4): a header once, then bytes of the current channel, where `03 fe 00 C` makes C
 *   the current channel and `03 fe 01` escapes the byte `03`
 *
 * The first five bytes identify the format: the stream header starts with five `ff`, which no packet does.
 * Source: Dovecot's src/lib/istream-multiplex.c and ostream-multiplex.c.
 *
 * @module
 */

import { concat, quote } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import { InputQueue } from "../input_queue.ts";
import { ControlSearch } from "./control_search.ts";

/** The channel of the conversation. */
export const MAIN_CHANNEL = 0;

/** The channel of the log, "L". */
export const LOG_CHANNEL = 0x4c;

/** The format of the channels in a connection. */
export type MultiplexFormat = "packet" | "stream";

/** What belongs to no channel: the bytes that say which one follows. */
export type MultiplexFrame =
  /** The head of a packet with `size` bytes, 5 bytes long. */
  | { readonly type: "packet"; readonly channel: number; readonly size: number }
  /** The header of the stream format, 9 bytes long. */
  | { readonly type: "header" }
  /** A switch to another channel, 4 bytes long. */
  | { readonly type: "switch"; readonly channel: number }
  /** The three bytes that stand for the byte `03`, which follows as a segment. */
  | { readonly type: "escape" };

/** Options for a {@linkcode Demultiplexer}. */
export interface DemultiplexerOptions {
  /** Called with each frame, before the segment after it is returned. */
  readonly onFrame?: (frame: MultiplexFrame) => void;
}

/** A range of a chunk, all of one channel. */
export interface Segment {
  /** The channel's number. */
  readonly channel: number;
  /** The chunk that the range is in. */
  readonly bytes: Uint8Array;
  /** Where the range begins. */
  readonly start: number;
  /** Where the range ends. */
  readonly end: number;
  /** Up to where it is known to have no byte below 0x0b: neither \x01, TAB nor LF. */
  readonly clearTo?: number;
}

const switchPrefix = [0x03, 0xfe] as const;
const switchChannel = 0x00;
const switchLiteral = 0x01;

/** The header that a server of 1.4 sends before its first output. */
const streamHeader = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x02, ...switchPrefix);

/** How many bytes identify the format; a packet's header is as long. */
const headSize = 5;

const nothing = new Uint8Array(0);

/** From this size on a chunk may be a part of a large value. */
const largeChunk = 1024;

/**
 * Splits a multiplexed connection into channels.
 *
 * @example
 * ```ts
 * import { Demultiplexer, encodePacket } from "@dovewire/dovewire/core/doveadm";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const demultiplexer = new Demultiplexer();
 * demultiplexer.push(encodePacket(0, encodeUtf8("\n+\n")));
 * const { channel, bytes, start, end } = demultiplexer.next()!;
 * assert.equal(channel, 0);
 * assert.equal(decodeUtf8(bytes.subarray(start, end)), "\n+\n");
 * assert.equal(demultiplexer.format, "packet");
 * ```
 */
export class Demultiplexer {
  #state: "unknown" | "packet-head" | "packet" | "stream-head" | "stream" | "switch" = "unknown";
  #waiting = new InputQueue();
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The bytes of an incomplete header or switch. */
  #head: number[] = [];
  #channel = MAIN_CHANNEL;
  #left = 0;
  #onFrame: ((frame: MultiplexFrame) => void) | undefined;
  /** Searches the current chunk, in the stream format. */
  #controls: ControlSearch | undefined;

  /** Creates a demultiplexer at the start of the multiplexed bytes. */
  constructor({ onFrame }: DemultiplexerOptions = {}) {
    this.#onFrame = onFrame;
  }

  /** The format; `undefined` if it isn't known yet. */
  get format(): MultiplexFormat | undefined {
    if (this.#state === "unknown") return undefined;
    return this.#state.startsWith("packet") ? "packet" : "stream";
  }

  /** Whether the input may end here: not within a packet, a header or a switch. */
  get complete(): boolean {
    return this.#at === this.#bytes.length && this.#waiting.size === 0 &&
      this.#head.length === 0 && this.#left === 0;
  }

  /** How many bytes wait to be read. */
  get size(): number {
    return this.#bytes.length - this.#at + this.#waiting.size;
  }

  /** Takes bytes that arrived. The chunk belongs to it from here on: packets are joined in place. */
  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
  }

  /**
   * The next bytes of one channel, or `undefined` if more are needed.
   *
   * Throws a {@linkcode RemoteProtocolError} for an unknown stream header or switch.
   */
  next(): Segment | undefined {
    for (;;) {
      if (this.#at === this.#bytes.length) {
        this.#bytes = this.#waiting.takeChunk() ?? nothing;
        this.#at = 0;
        if (this.#bytes.length === 0) {
          this.#controls = undefined;
          return undefined;
        }
      }
      const segment = this.#step();
      if (segment !== undefined) return segment;
    }
  }

  /** Consumes at least one byte of the current chunk, which is not empty. */
  #step(): Segment | undefined {
    switch (this.#state) {
      case "unknown":
        if (this.#collect(headSize)) {
          const isStream = this.#head.every((byte) => byte === 0xff);
          if (isStream) this.#state = "stream-head";
          else this.#beginPacket();
        }
        return undefined;
      case "packet-head":
        if (this.#head.length === 0 && this.#at + headSize <= this.#bytes.length) {
          this.#setPacket(this.#bytes, this.#at);
          this.#at += headSize;
          if (this.#left > 0 && this.#at < this.#bytes.length) return this.#packet();
        } else if (this.#collect(headSize)) this.#beginPacket();
        return undefined;
      case "packet":
        return this.#packet();
      case "stream-head":
        if (this.#collect(streamHeader.length)) this.#beginStream();
        return undefined;
      case "stream":
        return this.#stream();
      case "switch":
        return this.#switch();
    }
  }

  /** Collects bytes until there are `size`. */
  #collect(size: number): boolean {
    while (this.#head.length < size && this.#at < this.#bytes.length) {
      this.#head.push(this.#bytes[this.#at++]);
    }
    return this.#head.length === size;
  }

  #beginPacket(): void {
    this.#setPacket(this.#head, 0);
    this.#head = [];
  }

  #setPacket(head: ArrayLike<number>, at: number): void {
    this.#channel = head[at];
    this.#left =
      ((head[at + 1] << 24) | (head[at + 2] << 16) | (head[at + 3] << 8) | head[at + 4]) >>> 0;
    this.#state = this.#left === 0 ? "packet-head" : "packet";
    this.#onFrame?.({ type: "packet", channel: this.#channel, size: this.#left });
  }

  /** The rest of a packet, as far as it is in the chunk, and the packets of the same channel after it. */
  #packet(): Segment {
    const start = this.#at;
    let bytes = this.#bytes;
    let end = this.#takePacket();
    // In a view of its own: readers keep what they found out about those of the chunk, of which some are moved.
    if (this.#isContinued()) bytes = bytes.subarray();
    while (this.#isContinued()) {
      this.#setPacket(bytes, this.#at);
      const from = this.#at += headSize;
      const to = this.#takePacket();
      bytes.copyWithin(end, from, to);
      end += to - from;
    }
    return { channel: this.#channel, bytes, start, end };
  }

  /** Takes what the chunk has of a packet, and returns where that ends. */
  #takePacket(): number {
    const end = Math.min(this.#bytes.length, this.#at + this.#left);
    this.#left -= end - this.#at;
    this.#at = end;
    if (this.#left === 0) this.#state = "packet-head";
    return end;
  }

  /** Whether the chunk goes on with a packet of the same channel. Who wants to know of each frame gets them one by one. */
  #isContinued(): boolean {
    return this.#left === 0 && this.#at + headSize < this.#bytes.length &&
      this.#bytes[this.#at] === this.#channel && this.#onFrame === undefined;
  }

  #beginStream(): void {
    if (!this.#head.every((byte, at) => byte === streamHeader[at])) {
      throw new RemoteProtocolError(
        `The server sent a multiplex header that is not known: ${
          quote(Uint8Array.from(this.#head))
        }. It may be newer than this client; cap the version with "maxMinor".`,
      );
    }
    this.#head = [];
    this.#state = "stream";
    this.#onFrame?.({ type: "header" });
  }

  #stream(): Segment | undefined {
    const bytes = this.#bytes;
    const start = this.#at;
    const { length } = bytes;
    const clearTo = length < largeChunk ? start : this.#firstControl(bytes, start);
    const found = clearTo === length || bytes[clearTo] === switchPrefix[0]
      ? clearTo
      : bytes.indexOf(switchPrefix[0], clearTo);
    const end = found === -1 ? length : found;
    this.#at = end;
    if (end < length) {
      this.#at++;
      this.#head = [bytes[end]];
      this.#state = "switch";
    }
    return start === end ? undefined : { channel: this.#channel, bytes, start, end, clearTo };
  }

  /** Where the first byte below 0x0b is: in a large value often none, which the reader of the segment needs to know, too. */
  #firstControl(bytes: Uint8Array, start: number): number {
    if (this.#controls?.bytes !== bytes) this.#controls = new ControlSearch(bytes);
    return this.#controls.next(start, bytes.length);
  }

  /** Takes a byte after `03`, `03 fe` or `03 fe 00`. */
  #switch(): Segment | undefined {
    const seen = this.#head.length;
    const byte = this.#bytes[this.#at];
    if (seen === 1 && byte !== switchPrefix[1]) {
      // The 03 was a plain 03; this byte is read again, since it may be one as well.
      this.#head = [];
      this.#state = "stream";
      return this.#literal();
    }
    this.#at++;
    this.#head.push(byte);
    if (seen === 1 || (seen === 2 && byte === switchChannel)) return undefined;
    this.#head = [];
    this.#state = "stream";
    if (seen === 3) {
      this.#channel = byte;
      this.#onFrame?.({ type: "switch", channel: byte });
      return undefined;
    }
    if (byte === switchLiteral) {
      this.#onFrame?.({ type: "escape" });
      return this.#literal();
    }
    throw new RemoteProtocolError(
      `The server sent 0x${byte.toString(16)} after the multiplex stream's switch prefix, ` +
        "instead of 0 or 1. The connection can't be used any more.",
    );
  }

  /** A single 03, in bytes of its own: they may become a caller's, who may change them. */
  #literal(): Segment {
    const bytes = Uint8Array.of(switchPrefix[0]);
    return { channel: this.#channel, bytes, start: 0, end: 1 };
  }
}

/** A connection without multiplexing, with the interface of a {@linkcode Demultiplexer}. */
export class SingleChannel {
  #waiting = new InputQueue();

  /** How many bytes wait to be read. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes bytes that arrived. */
  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
  }

  /** The next bytes, or `undefined` if there are none. */
  next(): Segment | undefined {
    const bytes = this.#waiting.takeChunk();
    return bytes && { channel: MAIN_CHANNEL, bytes, start: 0, end: bytes.length };
  }
}

/** The header of a packet. */
export function encodePacketHead(channel: number, size: number): Uint8Array {
  const head = new Uint8Array(headSize);
  const view = new DataView(head.buffer);
  view.setUint8(0, channel);
  view.setUint32(1, size);
  return head;
}

/** One packet of the packet format. */
export function encodePacket(channel: number, bytes: Uint8Array): Uint8Array {
  return concat([encodePacketHead(channel, bytes.length), bytes]);
}

/**
 * Writes the stream format: the header before the first bytes, a switch if the channel changes.
 *
 * @example
 * ```ts
 * import { StreamMultiplexer } from "@dovewire/dovewire/core/doveadm";
 * import { encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const multiplexer = new StreamMultiplexer();
 * assert.equal(multiplexer.encode(0, encodeUtf8("+\n")).length, 9 + 2);
 * assert.equal(multiplexer.encode(0, encodeUtf8("+\n")).length, 2);
 * ```
 */
export class StreamMultiplexer {
  #begun = false;
  #channel = MAIN_CHANNEL;

  /** Encodes bytes of a channel. */
  encode(channel: number, bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes;
    const parts: Uint8Array[] = [];
    if (!this.#begun) {
      parts.push(streamHeader);
      this.#begun = true;
    }
    if (channel !== this.#channel) {
      parts.push(Uint8Array.of(...switchPrefix, switchChannel, channel));
      this.#channel = channel;
    }
    let start = 0;
    for (let at = 0; (at = bytes.indexOf(switchPrefix[0], at)) !== -1; at++) {
      // A 03 at the end is escaped as well, so that the reader doesn't have to wait for the next byte.
      if (at + 1 < bytes.length && bytes[at + 1] !== switchPrefix[1]) continue;
      parts.push(bytes.subarray(start, at), Uint8Array.of(...switchPrefix, switchLiteral));
      start = at + 1;
    }
    parts.push(bytes.subarray(start));
    return concat(parts);
  }
}
