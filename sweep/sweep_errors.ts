/**
 * The errors of sweeps.
 *
 * @module
 */

import { DovewireError } from "../core/errors.ts";

/**
 * A sweep ended while the work for a user ran, or before its result was taken: the work may have been done,
 * in part or as a whole. It was not begun again, since it isn't idempotent.
 */
export class SweepInterruptedError extends DovewireError {
  /** The class's name. */
  override name = "SweepInterruptedError";
  /** "interrupted". */
  override readonly code: string = "interrupted";
}

/** The users come in another order than the journal says: the sweep can't go on where it stopped. */
export class SweepOrderError extends DovewireError {
  /** The class's name. */
  override name = "SweepOrderError";
  /** "order". */
  override readonly code: string = "order";
}

/** A journal can't be read or written, or another sweep uses it. */
export class JournalError extends DovewireError {
  /** The class's name. */
  override name = "JournalError";
  /** "journal". */
  override readonly code: string = "journal";
}
