/**
 * The frames of version 3: a 32-bit big-endian length, and that many bytes.
 *
 * @module
 */

import { GatheredBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import { InputQueue } from "../input_queue.ts";

/** How many bytes a frame's length takes. */
const prefixSize = 4;

/**
 * A payload of this size or more is written from where it is, not copied after its length; and one that is
 * read gets its memory piece by piece, as it arrives.
 */
const largePayload = 16_384;

/** The largest length. */
const largestLength = 0xffff_ffff;

const nothing: Uint8Array = new Uint8Array(0);

/**
 * A frame around a payload. Throws a {@linkcode LocalProtocolError} for one of 4 GiB or more.
 *
 * @example
 * ```ts
 * import { encodeFrame } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(encodeFrame(Uint8Array.of(7, 8)), Uint8Array.of(0, 0, 0, 2, 7, 8));
 * ```
 */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  checkLength(payload);
  const frame = new Uint8Array(prefixSize + payload.length);
  writeFrame(frame, 0, payload);
  return frame;
}

/**
 * Frames one after the other, in pieces to be written in order: small payloads copied into one piece,
 * a large one as it is.
 */
export function encodeFrames(...payloads: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (const payload of payloads) {
    checkLength(payload);
    size += prefixSize + (payload.length < largePayload ? payload.length : 0);
  }
  // Everything that is copied is in one buffer; the pieces are ranges of it.
  const copied = new Uint8Array(size);
  let from = 0;
  let to = 0;
  for (const payload of payloads) {
    if (payload.length < largePayload) {
      to = writeFrame(copied, to, payload);
      continue;
    }
    to = writeLength(copied, to, payload.length);
    pieces.push(copied.subarray(from, to), payload);
    from = to;
  }
  if (to > from) pieces.push(copied.subarray(from, to));
  return pieces;
}

function checkLength(payload: Uint8Array): void {
  if (payload.length <= largestLength) return;
  throw new LocalProtocolError(
    `A frame of ${payload.length} bytes can't be written: its length has 32 bits. Send less.`,
  );
}

function writeFrame(target: Uint8Array, at: number, payload: Uint8Array): number {
  const start = writeLength(target, at, payload.length);
  target.set(payload, start);
  return start + payload.length;
}

function writeLength(target: Uint8Array, at: number, length: number): number {
  target[at] = length >>> 24;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  return at + prefixSize;
}

/** A frame of which a part has arrived. */
export interface PartialFrame {
  /** The payload's length; `undefined` until all of its 4 bytes have arrived. */
  readonly length: number | undefined;
  /** How many bytes of the payload have arrived. */
  readonly arrived: number;
}

/**
 * Reads frames from bytes that arrive in any pieces, each byte once. Whatever a frame's length promises, it
 * takes no more than 16 KiB before its bytes are there.
 *
 * @example
 * ```ts
 * import { FrameReader } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * const reader = new FrameReader();
 * const tooLarge = (length: number) => new Error(`${length} bytes are too many`);
 * reader.push(Uint8Array.of(0, 0, 0, 2, 7));
 * assert.equal(reader.take(100, tooLarge), undefined);
 * reader.push(Uint8Array.of(8, 0));
 * assert.deepEqual(reader.take(100, tooLarge), Uint8Array.of(7, 8));
 * assert.equal(reader.size, 1);
 * ```
 */
export class FrameReader {
  #input = new InputQueue();
  /** The chunk that is read, up to `#at`. */
  #chunk: Uint8Array = nothing;
  #at = 0;
  /** How many bytes of the length have arrived, and their value so far. */
  #prefix = 0;
  #length = 0;
  /** The beginning of a small payload, in a buffer of its size; `#arrived` of it is there. */
  #small: Uint8Array = nothing;
  #arrived = 0;
  /** The beginning of a large payload. */
  #large = new GatheredBytes();

  /** How many bytes have not been returned in a frame yet. */
  get size(): number {
    return this.#prefix + this.#begun + this.#chunk.length - this.#at + this.#input.size;
  }

  /**
   * The frame that is incomplete after {@linkcode take} returned `undefined`; `undefined` between two
   * frames.
   */
  get partial(): PartialFrame | undefined {
    if (this.#prefix === 0) return undefined;
    const length = this.#prefix < prefixSize ? undefined : this.#length;
    return { length, arrived: this.#begun };
  }

  /** Appends bytes; they must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  /**
   * The payload of the next frame, in a buffer of its own, or `undefined` if it is incomplete. As soon
   * as a length above `limit` has arrived, throws the error that `tooLarge` returns.
   */
  take(limit: number, tooLarge: (length: number) => Error): Uint8Array | undefined {
    while (this.#prefix < prefixSize) {
      if (!this.#hasByte()) return undefined;
      this.#length = this.#length * 256 + this.#chunk[this.#at++];
      this.#prefix++;
    }
    const length = this.#length;
    if (length > limit) throw tooLarge(length);
    if (length === 0) return this.#whole(new Uint8Array(0));
    for (let missing; (missing = length - this.#begun) > 0;) {
      if (!this.#hasByte()) return undefined;
      const start = this.#at;
      this.#at = Math.min(this.#chunk.length, start + missing);
      // Most frames are whole in one chunk.
      if (this.#at - start === length) return this.#whole(this.#chunk.slice(start, this.#at));
      this.#keep(start, length);
    }
    return this.#whole(length < largePayload ? this.#small : this.#large.take());
  }

  /** Bytes after the last whole frame, without taking them; `undefined` if there are none. */
  peek(): Uint8Array | undefined {
    return this.#hasByte() ? this.#chunk.subarray(this.#at) : undefined;
  }

  /** Drops everything. */
  clear(): void {
    this.#input.clear();
    this.#chunk = nothing;
    this.#at = 0;
    this.#large.take();
    this.#whole(nothing);
  }

  /** How many bytes of the payload are there. */
  get #begun(): number {
    return this.#arrived + this.#large.size;
  }

  /** Keeps what the chunk has of the payload. */
  #keep(start: number, length: number): void {
    if (length >= largePayload) {
      this.#large.push(this.#chunk, start, this.#at);
      return;
    }
    if (this.#arrived === 0) this.#small = new Uint8Array(length);
    this.#small.set(this.#chunk.subarray(start, this.#at), this.#arrived);
    this.#arrived += this.#at - start;
  }

  /** Whether there is a byte at `#at`; goes to the next chunk for it. */
  #hasByte(): boolean {
    while (this.#at === this.#chunk.length) {
      const next = this.#input.takeChunk();
      this.#chunk = next ?? nothing;
      this.#at = 0;
      if (next === undefined) return false;
    }
    return true;
  }

  #whole(payload: Uint8Array): Uint8Array {
    this.#prefix = this.#length = this.#arrived = 0;
    this.#small = nothing;
    return payload;
  }
}
