/**
 * A queue of bytes that arrived.
 *
 * @module
 */

import { concat, GatheredBytes, indexOfLineFeed } from "./bytes.ts";
import type { StateArchive } from "./state_archive.ts";

/** Up to this size a waiting chunk is copied to a shared buffer, so that its own can be released. */
const smallChunk = 1024;

/** The size of the shared buffers for small chunks. */
const smallChunks = 8192;

/**
 * Bytes that arrived and wait to be read, a line or a chunk at a time. They take little more memory than
 * their size, even if they arrive in small pieces.
 *
 * @example
 * ```ts
 * import { decodeUtf8, encodeUtf8, InputQueue } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const queue = new InputQueue();
 * const tooLong = () => new Error("a line is too long");
 * queue.push(encodeUtf8("one\r\ntwo"));
 * assert.equal(decodeUtf8(queue.takeLine(100, tooLong)!), "one");
 * assert.equal(queue.takeLine(100, tooLong), undefined);
 * assert.equal(queue.size, 3);
 * ```
 */
export class InputQueue {
  #chunks: Uint8Array[] = [];
  #first = 0;
  #at = 0;
  /** The buffer that the last chunk is at the start of, if there is room in it. */
  #tail: Uint8Array | undefined;
  #size = 0;
  #line = new GatheredBytes();

  /** How many bytes there are. */
  get size(): number {
    return this.#size + this.#line.size;
  }

  /** Appends bytes; they must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#size += chunk.length;
    if (chunk.length > smallChunk) {
      this.#tail = undefined;
      this.#chunks.push(chunk);
      return;
    }
    const last = this.#chunks.length - 1;
    const used = this.#tail === undefined ? 0 : this.#chunks[last].length;
    if (this.#tail !== undefined && used + chunk.length <= this.#tail.length) {
      this.#tail.set(chunk, used);
      this.#chunks[last] = this.#tail.subarray(0, used + chunk.length);
    } else if (this.#first === this.#chunks.length) {
      // Nothing else waits: this chunk will be taken soon.
      this.#tail = undefined;
      this.#chunks.push(chunk);
    } else {
      this.#tail = new Uint8Array(smallChunks);
      this.#tail.set(chunk);
      this.#chunks.push(this.#tail.subarray(0, chunk.length));
    }
  }

  /**
   * The next line, without its LF or CRLF, or `undefined` if its end hasn't arrived yet. A line of more
   * than `limit` bytes throws the result of `tooLong` as soon as it is too long.
   */
  takeLine(limit: number, tooLong: (line: Uint8Array) => Error): Uint8Array | undefined {
    for (let chunk; (chunk = this.#chunks[this.#first]) !== undefined;) {
      const start = this.#at;
      const found = indexOfLineFeed(chunk, start, chunk.length);
      const end = found === -1 ? chunk.length : found;
      if (found !== -1 && this.#line.size === 0 && end - start <= limit) {
        this.#skipTo(end + 1);
        return withoutReturn(chunk.slice(start, end));
      }
      this.#line.push(chunk, start, end);
      this.#skipTo(found === -1 ? end : end + 1);
      if (this.#line.size > limit) throw tooLong(this.#line.take());
      if (found === -1) continue;
      return withoutReturn(this.#line.take());
    }
  }

  /** The next bytes, up to the end of a chunk, or `undefined` if there are none. */
  takeChunk(): Uint8Array | undefined {
    if (this.#line.size > 0) return this.#line.take();
    const whole = this.#chunks[this.#first];
    if (whole === undefined) return undefined;
    const chunk = this.#at === 0 ? whole : whole.subarray(this.#at);
    this.#skipTo(whole.length);
    return chunk;
  }

  /** Puts back bytes that were taken as a chunk. */
  untake(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    if (this.#at > 0) {
      this.#chunks[this.#first] = this.#chunks[this.#first].subarray(this.#at);
      this.#at = 0;
      if (this.#first === this.#chunks.length - 1) this.#tail = undefined;
    }
    if (this.#first > 0) this.#chunks[--this.#first] = bytes;
    else this.#chunks.unshift(bytes);
  }

  /** Discards all bytes. */
  clear(): void {
    this.#chunks = [];
    this.#tail = undefined;
    this.#first = this.#at = this.#size = 0;
    this.#line.take();
  }

  /** Passes all bytes through an archive. */
  archive(state: StateArchive): void {
    const [first, ...others] = this.#chunks.slice(this.#first);
    const chunks = first === undefined ? [] : [first.subarray(this.#at), ...others];
    const bytes = state.value(concat(chunks));
    state.part(this.#line);
    const line = this.#line.take();
    this.clear();
    this.#line.push(line, 0, line.length);
    this.push(bytes);
  }

  /** Moves to a position in the first chunk, which may be its end. */
  #skipTo(at: number): void {
    this.#size -= at - this.#at;
    this.#at = at;
    if (at < this.#chunks[this.#first].length) return;
    this.#at = 0;
    this.#first++;
    if (this.#first === this.#chunks.length) this.#tail = undefined;
    // Taken chunks are removed once they are half of the array, so that each chunk moves only once.
    if (this.#first * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** A line without the CR of a CRLF. */
function withoutReturn(line: Uint8Array): Uint8Array {
  return line[line.length - 1] === 0x0d ? line.subarray(0, -1) : line;
}
