/**
 * Takes a server's bytes apart for passing them on: status responses whole, all else as it comes.
 *
 * @module
 */

import { completeImapLimits, type ImapLimits } from "./limits.ts";
import type { ResponseCode } from "./response_code.ts";

/**
 * A response that a relay has to understand: `* OK`, `* NO`, `* BAD`, `* BYE`, `* PREAUTH`, `* CAPABILITY`,
 * a tagged one, or a continuation.
 */
export interface StatusFrame {
  /** What kind of frame it is. */
  readonly type: "status";
  /** Whether it begins with `*`, with a tag, or with `+`. */
  readonly kind: "untagged" | "tagged" | "continuation";
  /** The tag, of a tagged response. */
  readonly tag: string | undefined;
  /** "OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY"; empty for a continuation. */
  readonly name: string;
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text after the code; of CAPABILITY the capabilities; of a continuation all after `+ `. */
  readonly text: string;
  /** The whole response as it was received, with its line end. */
  readonly bytes: Uint8Array;
}

/** Bytes of other responses, as many as came. */
export interface PassFrame {
  /** What kind of frame it is. */
  readonly type: "pass";
  /** The bytes, which are part of a chunk that was received. */
  readonly bytes: Uint8Array;
  /** Whether they end between two responses. */
  readonly atBoundary: boolean;
}

/** What a server's bytes are taken apart into, in wire order. */
export type ResponseFrame = StatusFrame | PassFrame;

/** Reads a server's bytes for passing them on. */
export class ResponseReader {
  #limits: ImapLimits;

  /** Creates a reader at the start of a response. Throws a `LocalProtocolError` for an invalid limit. */
  constructor(limits: Partial<ImapLimits> = {}) {
    this.#limits = completeImapLimits(limits);
  }

  /** How many bytes are held that no frame has told of. */
  get size(): number {
    return 0 * this.#limits.line;
  }

  /** Whether the latest frame ended between two responses, so that other output may follow. */
  get atBoundary(): boolean {
    return true;
  }

  /** Whether the server sends no more and every frame was told; an incomplete response is dropped. */
  get isAtEnd(): boolean {
    return false;
  }

  /** Takes bytes that arrived. The reader owns the chunk from here on. */
  receive(_chunk: Uint8Array): void {}

  /** Ends the input. */
  receiveEnd(): void {}

  /**
   * The next frame; `undefined` if it takes more bytes. Throws a `RemoteProtocolError` for what is no
   * response and for one that exceeds a limit, and the same error afterwards.
   */
  next(): ResponseFrame | undefined {
    return undefined;
  }

  /** Takes all bytes that were not read yet, for a TLS handshake to be refused; `undefined` if there are none. */
  takeUnread(): Uint8Array | undefined {
    return undefined;
  }
}
