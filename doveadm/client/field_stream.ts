/**
 * The values of a streamed command, as they arrive.
 *
 * @module
 */

import { concat, decodeUtf8 } from "../../core/mod.ts";
import { AsyncQueue } from "../../transports/async_queue.ts";

/** A piece of a value. */
export interface Piece {
  readonly chunk: Uint8Array;
  readonly final: boolean;
}

/** What stands between the connection, which pushes pieces, and the caller, who takes fields. */
export type FieldQueue = AsyncQueue<Piece>;

/** An empty {@linkcode FieldQueue}. */
export function fieldQueue(): FieldQueue {
  // An empty value takes memory as well.
  return new AsyncQueue({ sizeOf: ({ chunk }) => chunk.length + 64 });
}

/**
 * One value of a streamed command. It is read once: as a text, as bytes, or chunk by chunk; what is
 * not read when the next value is asked for is skipped.
 */
export class StreamedField implements AsyncIterable<Uint8Array> {
  #queue: FieldQueue;
  #done = false;

  /** Made by a stream, whose queue is at the value's first piece. */
  constructor(queue: FieldQueue) {
    this.#queue = queue;
  }

  /** The value's bytes as they arrive; where they are cut means nothing. */
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
    const chunks: Uint8Array[] = [];
    for await (const chunk of this) chunks.push(chunk);
    return concat(chunks);
  }

  /** The whole value as text; a byte that isn't UTF-8 becomes U+FFFD. */
  async text(): Promise<string> {
    return decodeUtf8(await this.bytes());
  }
}

/** The values in a queue, one behind the other. */
export async function* fieldsOf(queue: FieldQueue): AsyncGenerator<StreamedField> {
  while (await queue.hasNext()) {
    const field = new StreamedField(queue);
    yield field;
    for await (const _ of field);
  }
}
