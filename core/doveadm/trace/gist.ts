/**
 * The beginning of bytes that may be of any length.
 *
 * @module
 */

import { GatheredBytes } from "../../bytes.ts";

/** Keeps the first bytes of all that it gets, and counts the others. */
export class Gist {
  readonly #limit: number;
  #kept = new GatheredBytes();
  #size = 0;

  /** Keeps `limit` bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes `bytes[start..end)`. */
  push(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const left = this.#limit - this.#kept.size;
    if (left > 0) this.#kept.push(bytes, start, Math.min(end, start + left));
    this.#size += end - start;
  }

  /** Returns what was kept, and starts again. */
  take(): { readonly bytes: Uint8Array; readonly size: number } {
    const taken = { bytes: this.#kept.take(), size: this.#size };
    this.#size = 0;
    return taken;
  }
}
