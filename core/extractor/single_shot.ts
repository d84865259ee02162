/**
 * Options of both ends of versions 1 and 2.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";

/** A version with a process for each request: 1 with JSON, 2 with messages. */
export type SingleShotVersion = 1 | 2;

/** Limits on what a protocol of versions 1 and 2 holds for its peer, in bytes. */
export interface SingleShotLimits {
  /** All of the input, and all of the output; 64 MiB if left out. */
  maxMessageSize: number;
}

/** Refuses a version that isn't one of these. */
export function checkVersion(version: SingleShotVersion): void {
  if (version === 1 || version === 2) return;
  throw new LocalProtocolError(
    `"version" is ${version}. Use 1 or 2; version 3 has protocols of its own.`,
  );
}
