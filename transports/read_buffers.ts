/**
 * The buffers that a connection reads into, for a runtime that lets its caller choose them.
 *
 * @module
 */

/** The size of the first buffer: a connection that waits keeps its buffer. */
const leastSize = 512;

/**
 * The size of the largest buffers: of those that go to a caller for good, which are garbage soon, and of those that
 * come back.
 */
const mostForGood = 65_536;
const mostToReuse = 262_144;

const noBuffer = new Uint8Array(0);

/** The memory of chunks that may come back. */
const lent = new WeakSet<ArrayBufferLike>();

/**
 * Buffers that grow while reads fill them, and shrink while they don't. No two chunks share memory: the owner of one may
 * transfer it at any time, also while the next read waits.
 */
export class ReadBuffers {
  /** What the next read fills; empty if it is still to be made. */
  #buffer = noBuffer;
  /** The size that the next one should have. */
  #size = leastSize;
  /** Whether the last chunk came back. */
  #isReused = false;

  /** A buffer for the next read. */
  take(): Uint8Array<ArrayBuffer> {
    const buffer = this.#buffer;
    this.#buffer = noBuffer;
    const isRight = buffer.length >= this.#size / 4 && buffer.length <= this.#size * 4;
    return isRight ? buffer : new Uint8Array(this.#size);
  }

  /** The chunk of a read, whose bytes are the first ones of its buffer. */
  chunkIn(buffer: Uint8Array<ArrayBuffer>, size: number): Uint8Array {
    const most = this.#isReused ? mostToReuse : mostForGood;
    this.#isReused = false;
    this.#size = size < buffer.length
      ? Math.max(leastSize, this.#size / 2)
      : Math.min(most, this.#size * 8);
    if (size * 4 < buffer.length) {
      this.#buffer = buffer;
      return buffer.slice(0, size);
    }
    lent.add(buffer.buffer);
    return buffer.subarray(0, size);
  }

  /** Takes the memory of the last chunk back, unless it is a copy, was transferred, or is less than the next read needs. */
  recycle({ buffer }: Uint8Array): void {
    if (!lent.delete(buffer)) return;
    this.#isReused = true;
    if (buffer.byteLength < this.#size) return;
    this.#buffer = new Uint8Array(buffer as ArrayBuffer);
    this.#size = buffer.byteLength;
  }
}
