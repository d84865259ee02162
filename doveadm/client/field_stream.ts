/**
 * The values of a streamed command, as they arrive.
 *
 * @module
 */

import { GatheredBytes } from "../../core/bytes.ts";
import { decodeUtf8 } from "../../core/mod.ts";
import { AsyncQueue } from "../../transports/async_queue.ts";

/** A chunk of a value. */
export interface Piece {
  readonly chunk: Uint8Array;
  readonly final: boolean;
  /** Its size in memory. */
  readonly cost: number;
}

/** The overhead of a chunk; an empty value takes memory as well. */
const pieceCost = 64;

/** The queue between the connection, which adds chunks, and the caller, who takes fields. */
export class FieldQueue extends AsyncQueue<Piece> {
  /** Whether chunks are valid only until the next one is requested. */
  readonly isReused: boolean;
  #buffer: ArrayBufferLike | undefined;

  /** Creates an empty queue. */
  constructor(isReused: boolean = false) {
    super({ sizeOf: ({ cost }) => cost });
    this.isReused = isReused;
  }

  /** Adds a chunk of a value; above the high-water mark, resolves when some were taken. */
  add(chunk: Uint8Array, final: boolean): void | Promise<void> {
    // Many chunks share a read buffer, and each keeps the whole buffer alive.
    const isNew = chunk.length > 0 && chunk.buffer !== this.#buffer;
    if (isNew) this.#buffer = chunk.buffer;
    const cost = pieceCost + chunk.length + (isNew ? chunk.buffer.byteLength : 0);
    return this.push({ chunk, final, cost });
  }
}

/**
 * One value of a streamed command. It can be read once: as text, as bytes, or chunk by chunk; unread chunks
 * are skipped when the next value is requested.
 */
export class StreamedField implements AsyncIterable<Uint8Array> {
  #queue: FieldQueue;
  #done = false;

  /** Created by a stream whose queue is at the value's first chunk. */
  constructor(queue: FieldQueue) {
    this.#queue = queue;
  }

  /** The value's bytes as they arrive, in chunks of any size; see the stream's `reuseBuffer` for how long they are valid. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (!this.#done) {
      const piece = await this.#queue.take();
      if (piece === undefined) {
        this.#done = true;
        return;
      }
      this.#done = piece.final;
      if (piece.chunk.length > 0) yield piece.chunk;
    }
  }

  /** The whole value. */
  async bytes(): Promise<Uint8Array> {
    return await this.bytesUpTo(Infinity, () => new Error());
  }

  /**
   * The whole value; throws the result of `tooLong` if it has more than `limit` bytes.
   *
   * @internal
   */
  async bytesUpTo(limit: number, tooLong: () => Error): Promise<Uint8Array> {
    let only: Uint8Array | undefined;
    let gathered: GatheredBytes | undefined;
    for await (const next of this) {
      const chunk = this.#queue.isReused ? next.slice() : next;
      if ((gathered?.size ?? only?.length ?? 0) + chunk.length > limit) throw tooLong();
      if (only === undefined) {
        only = chunk;
        continue;
      }
      if (gathered === undefined) {
        gathered = new GatheredBytes();
        gathered.push(only, 0, only.length);
      }
      gathered.push(chunk, 0, chunk.length);
    }
    return gathered?.take() ?? only ?? new Uint8Array(0);
  }

  /** The whole value as text; a byte that isn't UTF-8 becomes U+FFFD. */
  async text(): Promise<string> {
    return decodeUtf8(await this.bytes());
  }
}

/** The chunks in a queue, one after the other. */
export async function* chunksOf(queue: FieldQueue): AsyncGenerator<Uint8Array, void, void> {
  for (let piece; (piece = await queue.take()) !== undefined;) yield piece.chunk;
}

/** The values in a queue, one after the other. */
export async function* fieldsOf(queue: FieldQueue): AsyncGenerator<StreamedField> {
  while (await queue.hasNext()) {
    const field = new StreamedField(queue);
    yield field;
    for await (const _ of field);
  }
}
