/**
 * What reading either side of a conversation has in common.
 *
 * @module
 */

import { Gist } from "./gist.ts";
import type { TraceItem, TraceRange, TraceSide } from "./trace_item.ts";
import type { TraceTexts } from "./trace_texts.ts";
import { WireRanges, type WireSlice } from "./wire_range.ts";

/** Why the rest of a side can't be decoded. */
interface Rest {
  /** Whether it is encrypted, so that it isn't shown. */
  readonly isEncrypted?: boolean;
  /** Why, as a remark. */
  readonly why?: string;
}

/** An item to emit. */
interface Emitted extends Omit<TraceItem, "side" | "ranges"> {
  readonly ranges?: readonly TraceRange[];
}

/** Reads a side. */
export abstract class SideReader {
  /** Makes its texts. */
  protected readonly texts: TraceTexts;
  readonly #side: TraceSide;
  #items: TraceItem[] = [];
  #next = 0;
  #rest: Rest | undefined;
  #restBytes: Gist;
  #restRanges = new WireRanges();

  /** Reads that side. */
  constructor(side: TraceSide, texts: TraceTexts) {
    this.#side = side;
    this.texts = texts;
    this.#restBytes = new Gist(texts.kept);
  }

  /** Reads bytes. */
  read(slice: WireSlice): void {
    for (let from = slice.start; from < slice.end;) from = this.readFrom(slice, from);
  }

  /** Reads from an index on; returns where to go on. */
  protected abstract readFrom(slice: WireSlice, from: number): number;

  /** Emits what is incomplete; `how` says what happened, as in "side ends". */
  protected abstract endWithin(how: string): void;

  /** The next item that was read. */
  take(): TraceItem | undefined {
    const item = this.#items[this.#next];
    if (item === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#items.length) {
      this.#items = [];
      this.#next = 0;
    }
    return item;
  }

  /** Emits what is incomplete, and the end if the side has ended. */
  end(isEnd: boolean): void {
    this.endWithin(isEnd ? `${this.#side} ends` : "trace ends");
    this.#endRest();
    if (isEnd) this.emit(this.endItem());
  }

  /** The item for the side's end. */
  protected endItem(): Emitted {
    return { content: { type: "end" } };
  }

  /** Emits an item. */
  protected emit({ ranges = [], content, mistake, remark }: Emitted): void {
    this.#items.push({
      ...{ side: this.#side, ranges, content },
      ...(mistake === undefined ? {} : { mistake }),
      ...(remark === undefined ? {} : { remark }),
    });
  }

  /** Says that nothing more can be decoded. */
  protected beginRest(rest: Rest): void {
    this.#rest = rest;
  }

  /** Takes bytes that can't be decoded; returns where to go on. */
  protected readRest(slice: WireSlice, from: number): number {
    this.#restBytes.push(slice.bytes, from, slice.end);
    this.#restRanges.addSlice(slice, from, slice.end);
    return slice.end;
  }

  #endRest(): void {
    if (this.#restRanges.isEmpty) return;
    const { isEncrypted = false, why } = this.#rest ?? {};
    const { bytes, size } = this.#restBytes.take();
    this.emit({
      ranges: this.#restRanges.take(),
      content: { type: "bytes", text: isEncrypted ? undefined : this.texts.of(bytes, size), size },
      ...(why === undefined ? {} : { remark: why }),
    });
  }
}
