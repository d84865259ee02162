/**
 * The values of a streamed command, as they arrive.
 *
 * @module
 */

import { concat, decodeUtf8 } from "../core/mod.ts";

/** How much may wait to be read before no more is taken from the connection, in bytes. */
const highWaterMark = 262_144;

/** A piece of a value. */
interface Piece {
  readonly chunk: Uint8Array;
  readonly final: boolean;
}

/** What stands between the connection, which pushes pieces, and the caller, who takes fields. */
export class FieldQueue {
  #pieces: Piece[] = [];
  #first = 0;
  #size = 0;
  #end: { error?: unknown } | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Adds a piece; where much is waiting already, resolves when the caller has taken some of it. */
  push(chunk: Uint8Array, final: boolean): void | Promise<void> {
    if (this.#end !== undefined) return;
    this.#pieces.push({ chunk, final });
    // An empty value takes memory as well.
    this.#size += chunk.length + 64;
    this.#wakeReader?.();
    if (this.#size > highWaterMark) {
      return new Promise((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  /** Ends the queue behind what is in it, in order or with an error. */
  end(end: { error?: unknown }): void {
    this.#end ??= end;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** Throws away what waits, and what comes. */
  discard(): void {
    this.#pieces = [];
    this.#first = 0;
    this.#size = 0;
    this.end({});
  }

  /** Whether there is another piece, once that is known; throws the error that the queue ended with. */
  async hasNext(): Promise<boolean> {
    for (;;) {
      if (this.#first < this.#pieces.length) return true;
      if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return false;
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
  }

  /** The next piece, or `undefined` behind the last; throws as {@linkcode hasNext} does. */
  async take(): Promise<Piece | undefined> {
    return await this.hasNext() ? this.#shift() : undefined;
  }

  #shift(): Piece {
    const piece = this.#pieces[this.#first++];
    if (this.#first === this.#pieces.length) {
      this.#pieces = [];
      this.#first = 0;
    }
    this.#size -= piece.chunk.length + 64;
    if (this.#size <= highWaterMark / 2) {
      this.#wakeWriter?.();
      this.#wakeWriter = undefined;
    }
    return piece;
  }
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
