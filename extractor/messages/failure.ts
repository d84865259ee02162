/**
 * Why an extractor's request came to nothing.
 *
 * @module
 */

import { DovewireError } from "@dovewire/dovewire/core";

/**
 * What kind of failure it is, as `extractor.proto` tells: there is no such mail, part or folder; an
 * argument is wrong; the extractor doesn't know the method; it is too much; the file system refused;
 * something else went wrong.
 */
export type FailureCode =
  | "not-found"
  | "invalid"
  | "unsupported"
  | "limit"
  | "storage"
  | "internal";

/** A request came to nothing: what an extractor throws to answer so, and what its client then throws. */
export class ExtractorFailure extends DovewireError {
  /** The class's name. */
  override name = "ExtractorFailure";
  /** What kind of failure it is; a client may meet another extractor's words as well. */
  override readonly code: FailureCode | (string & Record<never, never>);

  /** Makes one; the message says what happened, to what, and what to do. */
  constructor(
    code: FailureCode | (string & Record<never, never>),
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, { ...options, sent: true });
    this.code = code;
  }
}
