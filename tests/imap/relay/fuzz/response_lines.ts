/**
 * Takes a server's bytes apart into lines.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Status responses end in a text for people, in which nothing is a literal. */
const STATUS = /^(?:\S+ (?:OK|NO|BAD|BYE|PREAUTH)\b|\+)/;

/** Reads lines; literals belong to the line before, and are left out. */
export class ResponseLines {
  #rest: Buffer = Buffer.alloc(0);
  /** How much of a literal is still to come. */
  #skipped = 0;
  /** The line so far that ended in literals. */
  #line = "";

  /** Whether a line has begun. */
  get isWithin(): boolean {
    return this.#rest.length > 0 || this.#skipped > 0 || this.#line !== "";
  }

  /** The lines that bytes complete, in Latin-1, without their ends. */
  take(chunk: Buffer): string[] {
    let bytes: Buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: string[] = [];
    for (;;) {
      const skipped = Math.min(this.#skipped, bytes.length);
      this.#skipped -= skipped;
      bytes = bytes.subarray(skipped);
      const end = bytes.indexOf("\n");
      if (this.#skipped > 0 || end === -1) break;
      const piece = bytes.toString("latin1", 0, end).replace(/\r$/, "");
      this.#line += piece;
      bytes = bytes.subarray(end + 1);
      const [, size] = STATUS.test(this.#line) ? [] : /\{(\d+)\}$/.exec(piece) ?? [];
      if (size !== undefined) {
        this.#skipped = Number(size);
        continue;
      }
      lines.push(this.#line);
      this.#line = "";
    }
    this.#rest = bytes;
    return lines;
  }
}
