/**
 * Options for a client of several servers.
 *
 * @module
 */

import { LocalProtocolError } from "../../../core/errors.ts";
import { checkCount, checkOptions } from "../../../core/option_checks.ts";
import { defaultTimeout, timeLimit } from "../../../transports/timers.ts";
import type { DoveadmOptions } from "../doveadm_options.ts";
import type { PoolOptions } from "../pool/pool_options.ts";
import type { DoveadmTarget } from "../target.ts";

/** A server of a cluster: a URL, or for doveadm's own protocol the options for one. */
export type ClusterTarget = string | URL | DoveadmTarget;

/**
 * Returns the server of a user, several if each of them can run the user's commands, the preferred one
 * first, or `undefined` for any server of the list. If it throws an error, the user's calls get that.
 */
export type RouteFunction = (
  user: string,
) => ClusterAnswer<ClusterTarget | readonly ClusterTarget[]>;

/** What a function of the caller's returns, at once or later. */
export type ClusterAnswer<Value> = Value | undefined | Promise<Value | undefined>;

/** Options for a client of several servers, besides those for each of them. */
export interface RouteOptions {
  /**
   * How the server of a user is found.
   *
   * - A function: see {@linkcode RouteFunction}. It may return servers that aren't in the list, which get the
   *   password, too.
   * - "userdb": by asking a server of the list for the user with `user`, and taking the field `host` of its
   *   user database. (A `host` of a password database isn't shown.)
   *
   * If left out, each server of the list is taken for one that can run all commands, itself or as a proxy.
   */
  route?: RouteFunction | "userdb";
  /**
   * Returns the server for a host that isn't in the list, to which a server refers ("-REFERRAL user@host") or
   * which the user database has; `undefined` to refuse it. The password is sent there: return no host that
   * you don't know. A target without a port gets that of the server that has named the host.
   */
  referral?: (user: string, host: string) => ClusterAnswer<ClusterTarget>;
  /** How many referrals a call follows, one after the other; 4 if left out, 0 for none. */
  maxReferrals?: number;
  /**
   * How long the server of a user is remembered, in milliseconds; a minute if left out, 0 or `Infinity` for
   * as long as it can be reached.
   */
  routeLifetime?: number;
}

/**
 * Options for a `DoveadmCluster`. `maxConnections` holds for each server, and `maxQueue` too; as many calls again
 * may wait for their user's commands before them, or for a server to be found or reached.
 */
export interface DoveadmClusterOptions extends DoveadmOptions, RouteOptions {}

/** Options of any cluster, checked; times in milliseconds, `Infinity` for no limit. */
export interface CheckedClusterOptions {
  readonly route: RouteOptions["route"];
  readonly referral: RouteOptions["referral"];
  readonly maxReferrals: number;
  readonly routeLifetime: number;
  readonly maxQueue: number;
  readonly timeout: number;
  readonly onEvent: PoolOptions["onEvent"];
}

/** Checks the options; throws a `LocalProtocolError` that names the wrong one. */
export function checkClusterOptions(
  options: RouteOptions & Pick<DoveadmOptions, "maxQueue" | "timeout" | "onEvent">,
): CheckedClusterOptions {
  checkOptions(options, { functions: ["referral", "onEvent"] });
  const { route, referral, maxReferrals = 4, routeLifetime = 60_000 } = options;
  const { maxQueue = 250_000, timeout = defaultTimeout, onEvent } = options;
  if (route !== undefined && route !== "userdb" && typeof route !== "function") {
    throw new LocalProtocolError('"route" is neither a function nor "userdb".');
  }
  checkCount("maxReferrals", maxReferrals, 0);
  checkCount("maxQueue", maxQueue, 1);
  return {
    ...{ route, referral, maxQueue, onEvent },
    // Each is a step of a loop that servers could keep up.
    maxReferrals: Math.min(Math.floor(maxReferrals), 100),
    routeLifetime: timeLimit("routeLifetime", routeLifetime),
    timeout: timeLimit("timeout", timeout),
  };
}
