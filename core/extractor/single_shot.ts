/**
 * What both ends of versions 1 and 2 can be told.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";

/** A version of a process a request: 1 for JSON, 2 for messages. */
export type SingleShotVersion = 1 | 2;

/** How much a peer can make a single shot's protocol hold, in bytes. */
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
