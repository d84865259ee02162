/**
 * Gathers a line that arrives in pieces.
 *
 * @module
 */

import { indexOfLineFeed } from "../../bytes.ts";
import { Gist } from "./gist.ts";
import type { TraceRange } from "./trace_item.ts";
import { WireRanges, type WireSlice } from "./wire_range.ts";

const CR = 0x0d;

/** A whole line, or the last one of a side, which has no end. */
export interface GatheredLine {
  /** Its bytes, or the first ones, without LF and CRLF. */
  readonly bytes: Uint8Array;
  /** How many bytes it has. */
  readonly size: number;
  /** Where it is on the wire, with its end. */
  readonly ranges: readonly TraceRange[];
}

/** Gathers lines, one after the other. */
export class LineGatherer {
  #gist: Gist;
  #ranges = new WireRanges();

  /** Keeps the first `limit` bytes of each line. */
  constructor(limit: number) {
    this.#gist = new Gist(limit);
  }

  /** Whether a line has begun. */
  get isWithin(): boolean {
    return !this.#ranges.isEmpty;
  }

  /** Adds bytes to the line that come before what `read` gets. */
  include(start: number, end: number): void {
    this.#ranges.add(start, end);
  }

  /** Reads a slice from an index on, up to the end of a line; the rest begins at `next`. */
  read(slice: WireSlice, from: number): { readonly line?: GatheredLine; readonly next: number } {
    const found = indexOfLineFeed(slice.bytes, from, slice.end);
    const stop = found === -1 ? slice.end : found;
    this.#gist.push(slice.bytes, from, stop);
    const next = found === -1 ? slice.end : found + 1;
    this.#ranges.addSlice(slice, from, next);
    return found === -1 ? { next } : { line: this.take(), next };
  }

  /** Returns the line so far, and starts again. */
  take(): GatheredLine {
    const { bytes, size } = this.#gist.take();
    const isWhole = bytes.length === size;
    const line = isWhole && bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes;
    return { bytes: line, size: isWhole ? line.length : size, ranges: this.#ranges.take() };
  }
}
