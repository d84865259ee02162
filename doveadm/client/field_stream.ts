/**
 * The values of a streamed command, as they arrive.
 *
 * @module
 */

import { GatheredBytes } from "../../core/bytes.ts";
import { AbortError } from "../../core/errors.ts";
import { decodeUtf8, LocalProtocolError, RemoteProtocolError } from "../../core/mod.ts";
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

/** What a {@linkcode FieldQueue} is for; its properties say what is meant. */
export type FieldQueueOptions = Partial<Pick<FieldQueue, "isReused" | "limit">>;

/** The queue between the connection, which adds chunks, and the caller, who takes fields. */
export class FieldQueue extends AsyncQueue<Piece> {
  /** Whether chunks are valid only until the next one is requested. */
  readonly isReused: boolean;
  /** How many bytes a value may have that is collected. */
  readonly limit: number;
  #buffer: ArrayBufferLike | undefined;

  /** Creates an empty queue. */
  constructor({ isReused = false, limit = Infinity }: FieldQueueOptions = {}) {
    super({ sizeOf: ({ cost }) => cost });
    this.isReused = isReused;
    this.limit = limit;
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
 * are skipped when the next value is requested. Reading it again, or after that, throws a `LocalProtocolError`.
 */
export class StreamedField implements AsyncIterable<Uint8Array> {
  #queue: FieldQueue;
  /** "open": chunks may be left. "taking": a reader waits for the next one. "over": none is left. */
  #state: "open" | "taking" | "over" = "open";
  /** How many have begun to read chunks: only the last of them goes on. */
  #readers = 0;
  /** What gathers the value, or has. */
  #whole: Promise<Uint8Array> | undefined;
  #isSkipped = false;

  /** Created by a stream whose queue is at the value's first chunk. */
  constructor(queue: FieldQueue) {
    this.#queue = queue;
  }

  /** The value's bytes as they arrive, in chunks of any size; see the stream's `reuseBuffer` for how long they are valid. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.#checkUnread();
    return this.#chunks();
  }

  /** The chunks that are left. Of two readers, one would take chunks of the next value. */
  async *#chunks(): AsyncGenerator<Uint8Array> {
    if (this.#state === "taking") throw readError();
    const reader = ++this.#readers;
    while (this.#state === "open") {
      this.#state = "taking";
      let piece: Piece | undefined;
      try {
        piece = await this.#queue.take();
      } finally {
        this.#state = piece === undefined || piece.final ? "over" : "open";
      }
      if (piece === undefined) throw leftError();
      if (piece.chunk.length > 0) yield piece.chunk;
      if (reader !== this.#readers) throw readError();
    }
  }

  /**
   * Takes what is left of the value, so that the next one begins with its own chunks; waits for bytes() and text().
   *
   * @internal
   */
  async skip(): Promise<void> {
    await this.#whole?.catch(() => {});
    this.#isSkipped = true;
    for await (const _ of this.#chunks());
  }

  /** Throws a `LocalProtocolError` if nothing can be left to read. */
  #checkUnread(): void {
    if (this.#whole === undefined && !this.#isSkipped) return;
    throw readError();
  }

  /** The whole value. Rejects with a `RemoteProtocolError` if it has more bytes than `limits.reply`. */
  async bytes(): Promise<Uint8Array> {
    return await this.bytesUpTo(this.#queue.limit, () => valueTooLarge(this.#queue.limit));
  }

  /**
   * The whole value; throws the result of `tooLong` if it has more than `limit` bytes.
   *
   * @internal
   */
  async bytesUpTo(limit: number, tooLong: () => Error): Promise<Uint8Array> {
    this.#checkUnread();
    return await (this.#whole = this.#gather(limit, tooLong));
  }

  async #gather(limit: number, tooLong: () => Error): Promise<Uint8Array> {
    let only: Uint8Array | undefined;
    let gathered: GatheredBytes | undefined;
    for await (const next of this.#chunks()) {
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

  /** The same as text; a byte that isn't UTF-8 becomes U+FFFD. */
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
    await field.skip();
  }
}

/** The error for a value that would be cut short. */
function leftError(): AbortError {
  return new AbortError("The stream was closed before the end of the value.", { sent: true });
}

/** The error for a value with more bytes than may be collected. */
function valueTooLarge(limit: number): RemoteProtocolError {
  return new RemoteProtocolError(
    `A value has more than ${limit} bytes. Take it chunk by chunk, or raise "limits.reply".`,
    { limit: "reply", sent: true },
  );
}

function readError(): LocalProtocolError {
  return new LocalProtocolError(
    "A value of a stream can be read once, and before the next one is requested: this one was read, is being read, " +
      "or was skipped. Wait for its bytes() or text() in the loop, and keep what they return.",
    { sent: true },
  );
}
