/**
 * The memory that sockets of `node:net` read into.
 *
 * @module
 */

import type { OnReadOpts } from "node:net";

/** How many bytes are read at once, at most. */
const memorySize = 65_536;

/** Below this size a chunk is copied: the rest of its memory would be kept for nothing. */
const leastSize = memorySize / 4;

/**
 * What sockets read into that have no memory of their own. Node reads and tells of it before it reads again, so that all
 * can share it, and one that waits needs none.
 */
const shared = new Uint8Array(memorySize);

/** The memory of chunks that may come back. */
const lent = new WeakSet<ArrayBufferLike>();

/**
 * Where one socket reads to. By itself Node takes 64 KiB of new memory for each read; this takes what the chunk needs,
 * and none if large chunks come back by {@linkcode recycle}.
 */
export class ReadMemory {
  /** What came back: Node takes the memory for the next read before the chunk of this one can come back. */
  #free: Uint8Array[] = [];

  /** Takes the chunks that arrive. Nothing arrives before its socket is connected. */
  onChunk: ((chunk: Uint8Array) => void) | undefined;

  /** The socket's option. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#free.pop() ?? shared,
    callback: (size, memory) => {
      this.onChunk?.(this.#chunkIn(memory, size));
      return true;
    },
  };

  /** Takes back a chunk that nothing refers to; see `Transport.recycle`. */
  recycle({ buffer, length }: Uint8Array): void {
    // Memory that was transferred has no bytes any more.
    if (lent.delete(buffer) && buffer.byteLength === memorySize) {
      this.#free.push(new Uint8Array(buffer));
    } else if (length >= leastSize && this.#free.length === 0) {
      this.#free.push(new Uint8Array(memorySize));
    }
  }

  #chunkIn(memory: Uint8Array, size: number): Uint8Array {
    if (size < leastSize) this.#free = [];
    if (memory === shared || size < leastSize) return memory.slice(0, size);
    lent.add(memory.buffer);
    return memory.subarray(0, size);
  }
}
