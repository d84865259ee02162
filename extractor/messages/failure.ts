/**
 * Failures of an extractor's requests.
 *
 * @module
 */

import { DovewireError } from "@dovewire/dovewire/core";

/**
 * The kind of a failure, as `extractor.proto` defines it: the mail, part or folder is missing; an argument
 * is wrong; the extractor doesn't know the method; a limit is exceeded; the file system refused; another
 * error.
 */
export type FailureCode =
  | "not-found"
  | "invalid"
  | "unsupported"
  | "limit"
  | "storage"
  | "internal";

/** A request failed: an extractor throws it as its answer, and then its client throws it. */
export class ExtractorFailure extends DovewireError {
  /** The class's name. */
  override name = "ExtractorFailure";
  /** The kind of failure; other extractors may send other codes. */
  override readonly code: FailureCode | (string & Record<never, never>);

  /** Creates a failure; the message says what happened, to what, and what to do. */
  constructor(
    code: FailureCode | (string & Record<never, never>),
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, { ...options, sent: true });
    this.code = code;
  }
}
