/**
 * The keys of a fleet in Redis.
 *
 * @module
 */

import { LocalProtocolError } from "@dovewire/dovewire/core";
import type { FleetOptions } from "./fleet_options.ts";

/** The backend of users for whom none is named. */
export const defaultBackend = "default";

/** The keys of a fleet. */
export interface FleetKeys {
  /** BullMQ's prefix, and that of all keys here. In braces, so that a cluster has them all in one place. */
  readonly prefix: string;
  /** A hash: how far enqueueing and the work are. */
  readonly state: string;
  /** A stream: the results that were not collected. */
  readonly results: string;
  /** A set: the chunks whose users are all done. */
  readonly finished: string;
  /** A set: the backends that have a queue. */
  readonly backends: string;
  /** A hash: the users of a chunk that were begun, or are done. */
  marksOf(chunk: number): string;
}

/** The keys of a fleet. */
export function keysOf({ name, prefix = "dovewire" }: FleetOptions): FleetKeys {
  const start = `{${prefix}.${name}}`;
  return {
    prefix: start,
    state: `${start}:state`,
    results: `${start}:results`,
    finished: `${start}:finished`,
    backends: `${start}:backends`,
    marksOf: (chunk) => `${start}:marks:${chunk}`,
  };
}

/**
 * The name of a backend's queue, in which BullMQ allows no ":". Throws a `LocalProtocolError` for a name that
 * is no valid text.
 */
export function queueOf(backend: string): string {
  try {
    return `backend.${encodeURIComponent(backend)}`;
  } catch (cause) {
    throw new LocalProtocolError(
      `The backend ${JSON.stringify(backend)} has half of a surrogate pair. Use another name.`,
      { cause },
    );
  }
}
