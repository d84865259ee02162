/**
 * What a conversation sends to its client.
 *
 * @module
 */

import { concat, encodeUtf8, OutputQueue } from "../bytes.ts";
import type { StateArchive } from "../state_archive.ts";

/**
 * The output of a conversation: its own lines, and bytes of an upstream server. Own lines are never put into
 * the middle of a response of that server.
 */
export class ConversationOutput {
  readonly #limit: number;
  readonly #queue = new OutputQueue();
  /** Own lines that wait for the end of a response of the server's; `undefined` between two responses. */
  #waiting: Uint8Array[] | undefined;
  #waitingSize = 0;
  #isFull = false;
  #hasSent = false;

  /** Creates an empty output, which is full from `limit` bytes on. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes wait to be taken, now or after the end of the server's response. */
  get size(): number {
    return this.ready + this.#waitingSize;
  }

  /** How many bytes can be taken now. */
  get ready(): number {
    return this.#queue.pushed - this.#queue.taken;
  }

  /** Whether own lines wait for the end of a response of the server's. */
  get isWaiting(): boolean {
    return this.#waitingSize > 0;
  }

  /** Whether the client leaves too much unread: from the limit on, and until less than half of it is left. */
  get isFull(): boolean {
    const { size } = this;
    if (size >= this.#limit) this.#isFull = true;
    else if (size * 2 < this.#limit) this.#isFull = false;
    return this.#isFull;
  }

  /** Whether anything was sent since the last call. */
  takeSent(): boolean {
    const has = this.#hasSent;
    this.#hasSent = false;
    return has;
  }

  /** Sends a line of text; its end is added. */
  line(text: string): void {
    this.lines(encodeUtf8(`${text}\r\n`));
  }

  /** Sends complete lines. */
  lines(bytes: Uint8Array): void {
    this.#hasSent = true;
    if (this.#waiting === undefined) return this.#queue.push(bytes);
    this.#waiting.push(bytes);
    this.#waitingSize += bytes.length;
  }

  /** Sends bytes of the server's; `atBoundary` is whether they end between two responses. */
  raw(bytes: Uint8Array, atBoundary: boolean): void {
    this.#hasSent = true;
    this.#queue.push(bytes);
    if (!atBoundary) {
      this.#waiting ??= [];
      return;
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#waitingSize = 0;
    for (const lines of waiting) this.#queue.push(lines);
  }

  /** Passes all that waits through an archive. */
  archive(state: StateArchive): void {
    state.part(this.#queue);
    const waiting = state.value(this.#waiting && concat(this.#waiting));
    this.#waiting = waiting && [waiting];
    this.#waitingSize = waiting?.length ?? 0;
    this.#isFull = state.value(this.#isFull);
    this.#hasSent = state.value(this.#hasSent);
  }

  /** Takes the oldest bytes; `undefined` if there are none. */
  take(): Uint8Array | undefined {
    return this.#queue.take();
  }
}
