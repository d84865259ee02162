/**
 * When work is tried again.
 *
 * @module
 */

import { DovewireError } from "../core/errors.ts";

/** The codes of failures that may be gone when the work is tried again. */
const passing: ReadonlySet<string> = new Set([
  ...["connect", "connection-lost", "timeout", "queue-full"],
  "TEMPFAIL",
]);

/** Whether a failure may be gone when the work is tried again. */
export function isPassing(error: Error): boolean {
  return error instanceof DovewireError && passing.has(error.code);
}

/** The wait after the first failure, in milliseconds; each further one doubles it. */
const firstWait = 1_000;

/** The longest wait, in milliseconds. */
const longestWait = 30_000;

/** How long to wait after so many attempts; `random` is from 0 to less than 1. */
export function waitAfter(attempts: number, random: number): number {
  return Math.min(longestWait, firstWait * 2 ** Math.min(attempts - 1, 30)) * (0.5 + random / 2);
}
