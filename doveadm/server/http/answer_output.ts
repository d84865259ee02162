/**
 * The body of a response while it is written.
 *
 * @module
 */

import { concat, encodeUtf8 } from "../../../core/mod.ts";
import { AsyncQueue } from "../../../transports/async_queue.ts";

/** The size of the chunks that are sent, in characters. */
const chunkLength = 16_384;

/** High-water mark of the unsent bytes, above which the writer waits. A shorter body is sent as a whole. */
const highWaterMark = 65_536;

/** A body: whole, or in chunks as they are written. */
export type OutputBody =
  | { readonly type: "whole"; readonly bytes: Uint8Array }
  | { readonly type: "chunks"; readonly chunks: AsyncQueue<Uint8Array> };

/**
 * A text that is written piece by piece, and read no slower than it is written. What was written since
 * {@linkcode hold} can be taken back, as long as it isn't too long.
 */
export class AnswerOutput {
  readonly #queue = new AsyncQueue<Uint8Array>({ sizeOf: ({ length }) => length, highWaterMark });
  readonly #heldLimit: number;
  #text = "";
  #held: Uint8Array[] | undefined;
  #heldSize = 0;
  #pushed = 0;
  #isOver = false;
  #begun: () => void = () => {};
  readonly #beginning = new Promise<void>((resolve) => {
    this.#begun = resolve;
  });

  /** Creates an empty output, of which up to `heldLimit` bytes can be taken back. */
  constructor(heldLimit: number) {
    this.#heldLimit = heldLimit;
  }

  /** Whether what was written since {@linkcode hold} can be taken back. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Appends a text; resolves when there is room for more. */
  write(text: string): void | Promise<void> {
    this.#text += text;
    if (this.#text.length >= chunkLength) return this.#flush();
  }

  /** Keeps what is written from here on, until it is released or taken back. */
  hold(): void {
    void this.#flush();
    this.#held = [];
    this.#heldSize = 0;
  }

  /** Takes back what was written since {@linkcode hold}. */
  takeBack(): void {
    this.#text = "";
    this.#held = undefined;
  }

  /** Lets go of what was held; resolves when there is room for more. */
  release(): void | Promise<void> {
    if (this.#held === undefined) return;
    const held = this.#held;
    this.#held = undefined;
    let room: void | Promise<void> = undefined;
    for (const chunk of held) room = this.#push(chunk);
    return room;
  }

  /** Ends the body. */
  end(): void {
    void this.release();
    void this.#flush();
    this.#finish({});
  }

  /** Breaks the body off, so that its reader gets the error. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  /** The body, as soon as it has ended or is too long to be sent as a whole. Rejects if it was broken off. */
  async body(): Promise<OutputBody> {
    await this.#beginning;
    if (!this.#isOver) return { type: "chunks", chunks: this.#queue };
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = await this.#queue.take()) !== undefined;) chunks.push(chunk);
    return { type: "whole", bytes: concat(chunks) };
  }

  #flush(): void | Promise<void> {
    if (this.#text === "") return;
    const chunk = encodeUtf8(this.#text);
    this.#text = "";
    if (this.#held === undefined) return this.#push(chunk);
    this.#held.push(chunk);
    this.#heldSize += chunk.length;
    if (this.#heldSize > this.#heldLimit) return this.release();
  }

  #push(chunk: Uint8Array): void | Promise<void> {
    this.#pushed += chunk.length;
    const room = this.#queue.push(chunk);
    if (this.#pushed > highWaterMark) this.#begun();
    return room;
  }

  #finish(end: { error?: unknown }): void {
    this.#isOver = true;
    this.#queue.end(end);
    this.#begun();
  }
}
