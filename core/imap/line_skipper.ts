/**
 * Reads a command to its end without keeping anything of it.
 *
 * @module
 */

import { indexOfLineFeed } from "../bytes.ts";
import type { StateArchive } from "../state_archive.ts";
import { contentEnd, type LiteralMarker, markerAt, markerSpan } from "./literal_marker.ts";

const LF = 0x0a;

/**
 * Skips the rest of a command, of which only one thing is looked at: whether a line ends in the marker of a
 * literal that is sent without waiting, so that its data are no commands (RFC 7888, 3).
 */
export class LineSkipper {
  readonly #limit: number;
  #skipped = 0;
  /** How many bytes of a literal's data are missing. */
  #data = 0;
  /** The end of what is there of the line. */
  #tail = new Uint8Array(markerSpan);
  #tailSize = 0;
  #isOver = false;
  #isDone = false;

  /** Creates a skipper in the middle of a line; `limit` is how many bytes it may skip. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the command has more than may be skipped. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the command is at its end. */
  get isDone(): boolean {
    return this.#isDone || this.#isOver;
  }

  /** Learns what a line that was read ends in. */
  endLine(marker: Pick<LiteralMarker, "size" | "isSynchronizing"> | undefined): void {
    this.#tailSize = 0;
    // A literal that the client waits with isn't sent: it has its answer.
    if (marker === undefined || marker.isSynchronizing) this.#isDone = true;
    else this.expectData(marker.size);
  }

  /** Learns how many bytes of data come first; the rest of the command follows. */
  expectData(size: number): void {
    this.#data = size;
    if (this.#skipped + size > this.#limit) this.#isOver = true;
  }

  /** Learns the start of the line, or all of it; nothing of it counts as skipped. */
  startLine(bytes: Uint8Array): void {
    if (bytes[bytes.length - 1] === LF) this.endLine(markerAt(bytes, contentEnd(bytes)));
    else this.#keepTail(bytes, 0, bytes.length);
  }

  /** Skips `bytes[start..]` up to the command's end, and returns the place there. */
  skip(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length && !this.isDone) {
      if (this.#data > 0) {
        const size = Math.min(this.#data, bytes.length - at);
        this.#data -= size;
        at += size;
        this.#count(size);
        continue;
      }
      const found = indexOfLineFeed(bytes, at, bytes.length);
      const stop = found === -1 ? bytes.length : found + 1;
      this.#keepTail(bytes, at, stop);
      this.#count(stop - at);
      at = stop;
      if (found === -1 || this.#isOver) continue;
      const tail = this.#tail.subarray(0, this.#tailSize);
      this.endLine(markerAt(tail, contentEnd(tail)));
    }
    return at;
  }

  /** Passes where it is through an archive. */
  archive(state: StateArchive): void {
    this.#skipped = state.value(this.#skipped);
    this.#data = state.value(this.#data);
    this.#tail = state.value(this.#tail);
    this.#tailSize = state.value(this.#tailSize);
    this.#isOver = state.value(this.#isOver);
    this.#isDone = state.value(this.#isDone);
  }

  #count(size: number): void {
    this.#skipped += size;
    if (this.#skipped > this.#limit) this.#isOver = true;
  }

  #keepTail(bytes: Uint8Array, start: number, end: number): void {
    const from = Math.max(start, end - markerSpan);
    const size = end - from;
    const kept = Math.min(this.#tailSize, markerSpan - size);
    this.#tail.copyWithin(0, this.#tailSize - kept, this.#tailSize);
    this.#tail.set(bytes.subarray(from, end), kept);
    this.#tailSize = kept + size;
  }
}
