/**
 * The state of a client's connections and calls, in numbers.
 *
 * @module
 */

import type { ConnectionKind } from "../../../core/doveadm/catalogue/mod.ts";

/** Connections and calls at one moment. */
export interface PoolCounts {
  /** Open connections: `idle` and `running` ones. */
  readonly open: number;
  /** Open connections without a command. */
  readonly idle: number;
  /** Connections with a command, and so commands that were sent and have no answer yet. */
  readonly running: number;
  /** Connections that are being opened. */
  readonly opening: number;
  /** Calls that wait for a connection, or for their user's commands before them. */
  readonly queued: number;
}

/** Sums since the client was created. */
export interface PoolTotals {
  /** Connections that were opened. */
  readonly opened: number;
  /** Connections that could not be opened. */
  readonly openFailures: number;
  /** Connections that were closed. */
  readonly closed: number;
  /** Calls. */
  readonly calls: number;
  /** Calls that succeeded. */
  readonly succeeded: number;
  /** Calls that were rejected. */
  readonly failed: number;
  /** Commands that were sent again. */
  readonly retried: number;
}

/** The state of a client's connections and calls. */
export interface PoolStats extends PoolCounts {
  /** The same by kind; an open connection without a command so far counts as "fresh". */
  readonly kinds: Readonly<Record<ConnectionKind, PoolCounts>>;
  /** Sums since the client was created. */
  readonly totals: PoolTotals;
}
