/**
 * Very many names in little memory.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../core/bytes.ts";

/** The size of a chunk of memory, in bytes. */
const chunkSize = 1_048_576;

/** How many bytes the length of a name takes. */
const lengthSize = 4;

/**
 * Names in the order in which they came, each once: a million of 20 letters take some 35 MiB. They are taken
 * while others still come; once all have come, what was taken is forgotten.
 */
export class NameStore {
  /** Names, each after its length; a name is in one chunk. `undefined` for what was taken. */
  readonly #chunks: (Uint8Array | undefined)[] = [];
  /** How much of the last chunk is in use. */
  #used = chunkSize;
  /** The places of names, 1 added, by hash; 0 where there is none. */
  #table: Uint32Array<ArrayBuffer> | undefined = new Uint32Array(1024);
  readonly #seed: number;
  #count = 0;
  #size = 0;
  /** Where the next name to take is, and how many were taken. */
  #next = 0;
  #taken = 0;
  /** How many chunks are forgotten. */
  #forgotten = 0;

  /** Has no names; `seed` is a random integer, so that nobody can choose names that take long to find. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** How many names came. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes they have. */
  get size(): number {
    return this.#size;
  }

  /** Adds a name, unless it was added before; returns whether it wasn't. */
  add(name: string): boolean {
    const bytes = encodeUtf8(name);
    const slot = this.#slotOf(bytes);
    if (this.#table![slot] !== 0) return false;
    this.#table![slot] = this.#append(bytes) + 1;
    this.#count++;
    this.#size += bytes.length;
    if (this.#count * 2 > this.#table!.length) this.#grow();
    return true;
  }

  /** No more names will come. */
  finish(): void {
    this.#table = undefined;
    this.#forget(this.#next);
  }

  /** The oldest name that wasn't taken; `undefined` if there is none. */
  take(): string | undefined {
    if (this.#taken === this.#count) return undefined;
    const place = this.#skipEnd(this.#next);
    if (this.#table === undefined) this.#forget(place);
    const bytes = this.#nameAt(place);
    this.#next = place + lengthSize + bytes.length;
    this.#taken++;
    return decodeUtf8(bytes);
  }

  /** Forgets the chunks before a place. */
  #forget(place: number): void {
    const end = Math.floor(place / chunkSize);
    while (this.#forgotten < end) this.#chunks[this.#forgotten++] = undefined;
  }

  /** Stores a name; returns its place. */
  #append(bytes: Uint8Array): number {
    if (this.#used + lengthSize + bytes.length > chunkSize) {
      this.#chunks.push(new Uint8Array(chunkSize));
      this.#used = 0;
    }
    const chunk = this.#chunks.at(-1)!;
    const at = this.#used;
    new DataView(chunk.buffer).setUint32(at, bytes.length + 1);
    chunk.set(bytes, at + lengthSize);
    this.#used = at + lengthSize + bytes.length;
    return (this.#chunks.length - 1) * chunkSize + at;
  }

  /** The place of the name from a place on, which may be the end of a chunk. */
  #skipEnd(place: number): number {
    const [chunk, at] = [Math.floor(place / chunkSize), place % chunkSize];
    const isEnd = at + lengthSize > chunkSize || this.#lengthAt(chunk, at) < 0;
    return isEnd ? (chunk + 1) * chunkSize : place;
  }

  /** The length of a name; -1 at the end of a chunk. */
  #lengthAt(chunk: number, at: number): number {
    return new DataView(this.#chunks[chunk]!.buffer).getUint32(at) - 1;
  }

  #nameAt(place: number): Uint8Array {
    const [chunk, at] = [Math.floor(place / chunkSize), place % chunkSize];
    const start = at + lengthSize;
    return this.#chunks[chunk]!.subarray(start, start + this.#lengthAt(chunk, at));
  }

  /** The slot of the table that has a name, or the free one where it belongs. */
  #slotOf(bytes: Uint8Array): number {
    const table = this.#table!;
    let slot = this.#hash(bytes) & (table.length - 1);
    while (table[slot] !== 0 && !isSame(this.#nameAt(table[slot] - 1), bytes)) {
      slot = (slot + 1) & (table.length - 1);
    }
    return slot;
  }

  #grow(): void {
    const table = this.#table = new Uint32Array(this.#table!.length * 2);
    let place = 0;
    for (let at = 0; at < this.#count; at++) {
      place = this.#skipEnd(place);
      const bytes = this.#nameAt(place);
      let slot = this.#hash(bytes) & (table.length - 1);
      while (table[slot] !== 0) slot = (slot + 1) & (table.length - 1);
      table[slot] = place + 1;
      place += lengthSize + bytes.length;
    }
  }

  #hash(bytes: Uint8Array): number {
    let hash = this.#seed;
    for (const byte of bytes) {
      hash = Math.imul(hash ^ byte, 0x01000193);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
