/**
 * How a process ended.
 *
 * @module
 */

/** How a process ended: by itself with a code, or by a signal. One of the two is `undefined`. */
export interface ExitStatus {
  /** The exit code, 0 to 255; `undefined` where a signal ended it. */
  readonly code: number | undefined;
  /** The signal's name, such as "SIGKILL"; `undefined` where it ended by itself. */
  readonly signal: string | undefined;
}
