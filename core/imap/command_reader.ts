/**
 * Takes a client's bytes apart: commands, their literals, and lines of data.
 *
 * @module
 */

import type { CommandFrame } from "./command_frame.ts";
import { completeImapLimits, type ImapLimits } from "./limits.ts";

/** Reads a client's bytes: pushes go in by {@linkcode receive}, frames are pulled by {@linkcode next}. */
export class CommandReader {
  #limits: ImapLimits;

  /** Creates a reader at the start of a command. Throws a `LocalProtocolError` for an invalid limit. */
  constructor(limits: Partial<ImapLimits> = {}) {
    this.#limits = completeImapLimits(limits);
  }

  /** The limits. */
  get limits(): ImapLimits {
    return this.#limits;
  }

  /** Changes limits from the next line on, after a login for instance; those that are left out stay. */
  setLimits(limits: Partial<ImapLimits>): void {
    this.#limits = completeImapLimits({ ...this.#limits, ...limits });
  }

  /** How many bytes are held that no frame has told of. */
  get size(): number {
    return 0;
  }

  /** Whether the client sends no more and every frame was told; an incomplete command is dropped. */
  get isAtEnd(): boolean {
    return false;
  }

  /** Takes bytes that arrived. The reader owns the chunk from here on. */
  receive(_chunk: Uint8Array): void {}

  /** Ends the input. */
  receiveEnd(): void {}

  /** The next frame; `undefined` if it takes more bytes, or a call about a literal. */
  next(): CommandFrame | undefined {
    return undefined;
  }

  /** Collects the arguments of the command whose "start" or "text" was the latest frame. */
  collect(): void {}

  /** Lets the data of the announced literal come. */
  acceptLiteral(): void {}

  /**
   * Drops the announced literal and the rest of its command: the owner answers it. Data that the client sends
   * without waiting is read and dropped, up to `limits.swallow`.
   */
  refuseLiteral(): void {}

  /** Drops what is left of the current command, wherever in it the reader is: the owner answers it. */
  skipCommand(): void {}

  /** Makes the following lines lines of data, until {@linkcode readCommand}. `limit` is `limits.line` if left out. */
  readLine(_limit?: number): void {}

  /** Makes the following lines commands again. */
  readCommand(): void {}

  /** After a "line" frame with a `literal`: drops its data and the rest of what would be its command. */
  swallowLiteral(): void {}

  /** Takes all bytes that were not read yet; `undefined` if there are none. */
  takeUnread(): Uint8Array | undefined {
    return undefined;
  }
}
