/**
 * Waits for a time, or for the end of the program.
 *
 * @module
 */

import { onAbort, startTimer } from "@dovewire/dovewire/transports";

/** Resolves after some milliseconds, or as soon as the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = startTimer(milliseconds, () => {
      forget();
      resolve();
    });
    const forget = onAbort(signal, () => {
      timer.stop();
      resolve();
    });
  });
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve));
}
