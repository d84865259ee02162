/**
 * Options for a client's connections.
 *
 * @module
 */

import { checkCount } from "../../../core/option_checks.ts";
import { timeLimit } from "../../../transports/timers.ts";
import type { PoolEvent } from "./pool_event.ts";

/** Options for a client's connections; times are in milliseconds, 0 or `Infinity` for no limit. */
export interface PoolOptions {
  /** How many connections may be open at once; 10 if left out. Dovecot's own limit is 100. */
  maxConnections?: number;
  /**
   * How many calls may wait at once; 250,000 if left out. Each further one is rejected with a
   * `QueueFullError`.
   */
  maxQueue?: number;
  /**
   * How many unused connections are kept open for commands that need a fresh one, so that these don't wait
   * for the server to start a process. A number is kept from the first command on, also while nothing
   * happens. If left out, it is 1 as long as such commands come, until `idleTimeout` after the last one.
   */
  spares?: number;
  /** How long an idle connection is kept; 30 s if left out. */
  idleTimeout?: number;
  /**
   * How long a connection is used, so that a server's new configuration and password reach all of them;
   * about 15 minutes if left out: each gets up to a tenth less, so that they don't end together.
   */
  maxLifetime?: number;
  /**
   * Called with each event of the connections and calls, at once: a "queued" event in the call's own
   * context.
   */
  onEvent?: (event: PoolEvent) => void;
}

/** Pool options with their defaults, checked; `Infinity` for no limit. */
export interface CheckedPoolOptions {
  readonly maxConnections: number;
  readonly maxQueue: number;
  /** `undefined` for one as long as it is used. */
  readonly spares: number | undefined;
  readonly idleTimeout: number;
  readonly maxLifetime: number;
  readonly onEvent: ((event: PoolEvent) => void) | undefined;
}

/** Checks pool options; throws a `LocalProtocolError` that names the wrong one. */
export function checkPoolOptions(options: PoolOptions): CheckedPoolOptions {
  const { maxConnections = 10, maxQueue = 250_000, spares, onEvent } = options;
  const { idleTimeout = 30_000, maxLifetime = 15 * 60_000 } = options;
  checkCount("maxConnections", maxConnections, 1);
  checkCount("maxQueue", maxQueue, 1);
  if (spares !== undefined) checkCount("spares", spares, 0);
  return {
    ...{ maxConnections: Math.floor(maxConnections), maxQueue: Math.floor(maxQueue) },
    spares: spares === undefined ? undefined : Math.floor(spares),
    idleTimeout: timeLimit("idleTimeout", idleTimeout),
    maxLifetime: timeLimit("maxLifetime", maxLifetime),
    onEvent,
  };
}
