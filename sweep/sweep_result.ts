/**
 * What became of the users of a sweep.
 *
 * @module
 */

/** The work for a user succeeded. */
export interface SweepSuccess<Value> {
  /** Tells it from a failure. */
  readonly ok: true;
  /** The user's name. */
  readonly user: string;
  /** The user's place in the input, from 0. */
  readonly index: number;
  /** What the work returned. */
  readonly value: Value;
}

/** The work for a user failed, or it is unknown what became of it. */
export interface SweepFailure {
  /** Tells it from a success. */
  readonly ok: false;
  /** The user's name. */
  readonly user: string;
  /** The user's place in the input, from 0. */
  readonly index: number;
  /** What the work threw; a `SweepInterruptedError` if an earlier run of the sweep ended meanwhile. */
  readonly error: Error;
  /**
   * Whether something may have been done for the user: `false` only if the error says that its command
   * wasn't sent. Work of several commands may have done the earlier ones.
   */
  readonly sent: boolean;
}

/** What became of a user. */
export type SweepResult<Value> = SweepSuccess<Value> | SweepFailure;
