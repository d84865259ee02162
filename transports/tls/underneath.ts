/**
 * What is under an encrypted socket.
 *
 * @module
 */

/** What is under an encrypted socket: it knows what the encrypted socket doesn't report. */
export interface Underneath {
  /** The error of the first write that failed; `undefined` if none did. */
  readonly writeError: Error | undefined;
  /** Whether the connection may be whole; `false` if the system knows that it is broken. */
  probe(): Promise<boolean>;
  /** Closes it at once. */
  destroy(): void;
  /** Resolves when everything is written, or writing has failed. */
  written?(): Promise<void>;
  /** Sets the condition for reading more. */
  readWhile?(wanted: () => boolean): void;
  /** Called when some of the read bytes were taken. */
  wasTaken?(): void;
}
