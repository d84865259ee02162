/**
 * Helpers for bytes: joining, queueing, quoting.
 *
 * @module
 */

import { LocalProtocolError } from "./errors.ts";
import type { StateArchive } from "./state_archive.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** The UTF-8 bytes of a string; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes; invalid bytes become U+FFFD, and a byte order mark stays. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** The text of UTF-8 bytes, or `undefined` for bytes that aren't UTF-8. */
export function decodeUtf8Strictly(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Whether two secrets are equal. The time depends on the length of `given` only: timing reveals neither
 * where they differ nor how long `secret` is.
 */
export function sameSecret(given: Uint8Array, secret: Uint8Array): boolean {
  let difference = given.length ^ secret.length;
  // Past the secret's end, its bytes are compared again to take the same time.
  for (let at = 0; at < given.length; at++) {
    difference |= given[at] ^ (secret[at % (secret.length || 1)] ?? 0);
  }
  return difference === 0;
}

/** One array with the bytes of all; a single chunk is returned as it is. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  let size = 0;
  for (const chunk of chunks) size += chunk.length;
  const joined = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/**
 * Bytes as a plain `Uint8Array` over the same memory: the `slice()` of Node's `Buffer` doesn't copy. Throws
 * a `LocalProtocolError` for anything that isn't a `Uint8Array`.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  if (bytes?.constructor === Uint8Array) return bytes;
  if (!(bytes instanceof Uint8Array)) {
    throw new LocalProtocolError(`Expected bytes, but got a ${typeof bytes}. Use a Uint8Array.`);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Bytes as messages show them: printable ASCII as it is, the rest escaped, and at most the first `length`
 * bytes, 64 if left out.
 */
export function quote(bytes: Uint8Array, length: number = 64): string {
  let text = "";
  for (const byte of bytes.subarray(0, length)) {
    if (byte === 0x09) text += "\\t";
    else if (byte === 0x0a) text += "\\n";
    else if (byte === 0x0d) text += "\\r";
    else if (byte === 0x22 || byte === 0x5c) text += "\\" + String.fromCharCode(byte);
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += "\\x" + byte.toString(16).padStart(2, "0");
  }
  return `"${text}"${bytes.length > length ? ` and ${bytes.length - length} more bytes` : ""}`;
}

/**
 * The index of the first line feed in a range, or -1.
 *
 * Short ranges are scanned in JavaScript: a call into the runtime costs more than a few dozen bytes. Longer
 * ones are searched up to their end only, so that reading a chunk range by range takes linear time.
 */
export function indexOfLineFeed(bytes: Uint8Array, start: number, end: number): number {
  const near = Math.min(end, start + 96);
  for (let at = start; at < near; at++) if (bytes[at] === 0x0a) return at;
  if (near === end) return -1;
  if (end === bytes.length) return bytes.indexOf(0x0a, near);
  const found = bytes.subarray(near, end).indexOf(0x0a);
  return found === -1 ? -1 : near + found;
}

/** From this size on, a piece that is most of its chunk is kept as it is, and not copied. */
const largePiece = 16_384;

/** The size of the first buffer for small pieces. */
const smallestBuffer = 512;

/** No buffer yet: most of them never need one. */
const noBuffer: Uint8Array = new Uint8Array(0);

/**
 * Bytes that arrive in pieces and are needed as one. However small the pieces are, they take little more
 * than twice their size: small ones are copied together, and keep no chunks alive.
 */
export class GatheredBytes {
  #blocks: Uint8Array[] = [];
  #size = 0;
  /** The latest small pieces are in `#tail[#from..#to)`. */
  #tail = noBuffer;
  #from = 0;
  #to = 0;

  /** How many bytes there are. */
  get size(): number {
    return this.#size;
  }

  /** Appends `bytes[start..end)`. */
  push(bytes: Uint8Array, start: number, end: number): void {
    const piece = bytes.subarray(start, end);
    this.#size += piece.length;
    if (piece.length >= largePiece && piece.length * 2 >= bytes.length) {
      this.#endTail();
      this.#blocks.push(piece);
      return;
    }
    if (this.#to + piece.length > this.#tail.length) {
      this.#endTail();
      // A short line needs no large buffer; later buffers are large, so that there are few of them.
      const least = this.#size <= smallestBuffer ? smallestBuffer : largePiece;
      this.#tail = new Uint8Array(Math.max(piece.length, least));
      this.#from = this.#to = 0;
    }
    this.#tail.set(piece, this.#to);
    this.#to += piece.length;
  }

  /** The pieces that have the bytes, to look at before the next is appended. */
  pieces(): readonly Uint8Array[] {
    this.#endTail();
    return this.#blocks;
  }

  /** Returns all bytes, in a buffer of their own, and starts again. */
  take(): Uint8Array {
    this.#endTail();
    const [only] = this.#blocks;
    const taken = this.#blocks.length === 1 ? new Uint8Array(only) : concat(this.#blocks);
    this.#blocks = [];
    this.#size = 0;
    // Everything was copied, so that the buffer can be reused, unless it is very large.
    if (this.#tail.length > largePiece) this.#tail = noBuffer;
    this.#from = this.#to = 0;
    return taken;
  }

  /** Passes all bytes through an archive. */
  archive(state: StateArchive): void {
    const tail = this.#tail.subarray(this.#from, this.#to);
    const bytes = state.value(concat([...this.#blocks, tail]));
    this.take();
    this.push(bytes, 0, bytes.length);
  }

  #endTail(): void {
    if (this.#to > this.#from) this.#blocks.push(this.#tail.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

/** The size of chunks that {@linkcode OutputQueue} joins, suitable for one write to a socket. */
const outputChunk = 65_536;

/**
 * Bytes that wait to be written. Many small pieces are joined to one chunk; large ones stay as they are.
 *
 * @example
 * ```ts
 * import { OutputQueue } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const queue = new OutputQueue();
 * queue.push(Uint8Array.of(1));
 * queue.push(Uint8Array.of(2, 3));
 * assert.deepEqual(queue.take(), Uint8Array.of(1, 2, 3));
 * assert.equal(queue.taken, 3);
 * assert.equal(queue.take(), undefined);
 * ```
 */
export class OutputQueue {
  #chunks: Uint8Array[] = [];
  #first = 0;
  #pushed = 0;
  #taken = 0;

  /** How many bytes have been pushed so far. */
  get pushed(): number {
    return this.#pushed;
  }

  /** How many bytes have been taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Appends bytes; they must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#pushed += chunk.length;
  }

  /** Takes the oldest bytes; returns `undefined` if there are none. */
  take(): Uint8Array | undefined {
    const chunks = this.#chunks;
    if (this.#first === chunks.length) return undefined;
    let last = this.#first;
    let size = chunks[last++].length;
    while (last < chunks.length && size + chunks[last].length <= outputChunk) {
      size += chunks[last++].length;
    }
    const taken = concat(chunks.slice(this.#first, last));
    this.#first = last;
    // Taken entries are removed once they are half of the array, so that each chunk moves only once.
    if (this.#first * 2 >= chunks.length) {
      this.#chunks = chunks.slice(this.#first);
      this.#first = 0;
    }
    this.#taken += taken.length;
    return taken;
  }

  /** Discards the remaining bytes. */
  clear(): void {
    this.#chunks = [];
    this.#first = 0;
    this.#pushed = this.#taken;
  }

  /** Passes the remaining bytes, and how many have been taken, through an archive. */
  archive(state: StateArchive): void {
    const bytes = state.value(concat(this.#chunks.slice(this.#first)));
    this.#taken = state.value(this.#taken);
    this.clear();
    this.push(bytes);
  }
}
