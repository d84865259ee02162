/**
 * Bytes that arrived, to be read as lines and as data.
 *
 * @module
 */

import { concat, GatheredBytes, indexOfLineFeed, plainBytes } from "../bytes.ts";
import { InputQueue } from "../input_queue.ts";
import type { StateArchive } from "../state_archive.ts";

const nothing: Uint8Array = new Uint8Array(0);

/** Bytes that arrived, each looked at once. What is read is a part of a received chunk wherever it is in one. */
export class LineInput {
  /** The chunk that is read, up to {@linkcode at}. */
  chunk: Uint8Array = nothing;
  /** How much of the chunk was read. */
  at = 0;
  #input = new InputQueue();
  /** The beginning of an incomplete line. */
  #gathered = new GatheredBytes();
  #hasEnded = false;
  #isAtEnd = false;

  /** How many bytes are held. */
  get size(): number {
    return this.#gathered.size + this.chunk.length - this.at + this.#input.size;
  }

  /** Whether there are no more bytes, as was learned by asking for one, and none will come. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Takes bytes that arrived. */
  push(chunk: Uint8Array): void {
    this.#input.push(plainBytes(chunk));
  }

  /** Learns that no more will come. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Whether there is a byte at {@linkcode at}; goes to the next chunk for it. */
  hasByte(): boolean {
    while (this.at === this.chunk.length) {
      const next = this.#input.takeChunk();
      this.chunk = next ?? nothing;
      this.at = 0;
      if (next === undefined) {
        this.#isAtEnd = this.#hasEnded;
        return false;
      }
    }
    return true;
  }

  /**
   * The next line with its end, or the first `limit + 1` bytes of a longer one; `undefined` if there is less.
   */
  takeLine(limit: number): Uint8Array | undefined {
    while (this.hasByte()) {
      const start = this.at;
      const missing = Math.max(0, limit + 1 - this.#gathered.size);
      const most = Math.min(this.chunk.length, start + missing);
      const found = indexOfLineFeed(this.chunk, start, most);
      this.at = found === -1 ? most : found + 1;
      const isWhole = found !== -1 || this.#gathered.size + most - start > limit;
      if (isWhole && this.#gathered.size === 0) return this.chunk.subarray(start, this.at);
      this.#gathered.push(this.chunk, start, this.at);
      if (isWhole) return this.#gathered.take();
    }
  }

  /** What was kept of a line that was incomplete; it is no part of the line any more. */
  takePartialLine(): Uint8Array {
    return this.#gathered.take();
  }

  /** The next bytes, at most `size`; empty if there are none. */
  takeData(size: number): Uint8Array {
    if (size === 0 || !this.hasByte()) return nothing;
    const start = this.at;
    this.at = Math.min(this.chunk.length, start + size);
    return this.chunk.subarray(start, this.at);
  }

  /** Takes all bytes; `undefined` if there are none. */
  takeAll(): Uint8Array | undefined {
    const pieces = this.#gathered.size > 0 ? [this.#gathered.take()] : [];
    while (this.hasByte()) pieces.push(this.takeData(this.chunk.length));
    return pieces.length === 0 ? undefined : concat(pieces);
  }

  /** Passes all bytes through an archive. */
  archive(state: StateArchive): void {
    state.part(this.#gathered);
    this.#hasEnded = state.value(this.#hasEnded);
    this.#isAtEnd = state.value(this.#isAtEnd);
    this.chunk = state.value(this.chunk.subarray(this.at));
    this.at = 0;
    state.part(this.#input);
  }

  /** Drops all bytes. */
  clear(): void {
    this.#input.clear();
    this.#gathered.take();
    this.chunk = nothing;
    this.at = 0;
  }
}
