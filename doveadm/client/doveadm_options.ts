/**
 * Options of the client over connections.
 *
 * @module
 */

import type { Connector } from "../../transports/transport.ts";
import type { DoveadmConnectionOptions } from "./connection_options.ts";
import type { ValueOptions } from "./values.ts";

/** Options for a `Doveadm`. */
export interface DoveadmOptions extends Omit<DoveadmConnectionOptions, "signal">, ValueOptions {
  /**
   * How long connecting may take, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit.
   */
  connectTimeout?: number;
  /**
   * How long an idle connection is kept, in milliseconds; 30 s if left out, 0 or `Infinity` for no limit.
   */
  idleTimeout?: number;
  /** How many connections may be open at once; 10 if left out. Dovecot's own limit is 100. */
  maxConnections?: number;
  /** Opens the transports; the current runtime's adapter if left out. */
  connector?: Connector;
}
