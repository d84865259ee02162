/**
 * Options of the client over connections.
 *
 * @module
 */

import type { Connector } from "../../transports/transport.ts";
import type { DoveadmConnectionOptions } from "./connection_options.ts";
import type { PoolOptions } from "./pool/pool_options.ts";
import type { ValueOptions } from "./values.ts";

/** Options for a `Doveadm`. */
export interface DoveadmOptions
  extends Omit<DoveadmConnectionOptions, "signal">, ValueOptions, PoolOptions {
  /**
   * How long connecting may take, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit.
   */
  connectTimeout?: number;
  /** Opens the transports; the current runtime's adapter if left out. */
  connector?: Connector;
}
