/**
 * Where bytes of a channel are among all bytes that a side sent.
 *
 * @module
 */

import type { TraceRange } from "./trace_item.ts";

/** Bytes that are next to each other on the wire. */
export interface WireSlice {
  /** The array that they are in. */
  readonly bytes: Uint8Array;
  /** Where they begin in it. */
  readonly start: number;
  /** Where they end in it. */
  readonly end: number;
  /** The place of the first one among all that the side sent. */
  readonly at: number;
  /** How many bytes of the wire they stand for: more than there are if they were escaped. */
  readonly size: number;
}

/** The place on the wire of a byte, by its index in the array. */
export function placeOf({ start, end, at, size }: WireSlice, index: number): number {
  return index === end ? at + size : at + index - start;
}

/** The most ranges of one item: later ones are joined to the last, with what is between them. */
const mostRanges = 1000;

/** Collects the ranges of an item. */
export class WireRanges {
  #ranges: { start: number; end: number }[] = [];

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Adds a range after the others. */
  add(start: number, end: number): void {
    if (start === end) return;
    const last = this.#ranges.at(-1);
    if (last !== undefined && (last.end === start || this.#ranges.length === mostRanges)) {
      last.end = end;
    } else this.#ranges.push({ start, end });
  }

  /** Adds the part of a slice up to an index. */
  addSlice(slice: WireSlice, from: number, to: number): void {
    this.add(placeOf(slice, from), placeOf(slice, to));
  }

  /** Returns the ranges, and starts again. */
  take(): readonly TraceRange[] {
    const ranges = this.#ranges;
    this.#ranges = [];
    return ranges;
  }
}
