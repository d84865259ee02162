/**
 * The client of several servers' HTTP APIs.
 *
 * @module
 */

import { ClusterCalls } from "../client/cluster/cluster_calls.ts";
import { checkClusterOptions, type RouteOptions } from "../client/cluster/cluster_options.ts";
import { DoveadmClient } from "../client/doveadm_client.ts";
import type { PoolEvent } from "../client/pool/pool_event.ts";
import { LocalProtocolError } from "../../core/mod.ts";
import type { DoveadmHttpOptions } from "./doveadm_http_options.ts";
import { HttpCalls } from "./http_calls.ts";
import { isHttpTarget, resolveHttpTarget } from "./target.ts";

/** Options for a `DoveadmHttpCluster`; `maxConnections` holds for each server. */
export interface DoveadmHttpClusterOptions extends DoveadmHttpOptions, RouteOptions {
  /** Called with each event of the cluster's servers, "routed" and "failed-over", at once. */
  onEvent?: (event: PoolEvent) => void;
}

/**
 * A client for several servers' HTTP APIs, which routes calls and fails over as a `DoveadmCluster` does.
 *
 * HTTP doesn't show referrals: without `route`, each server has to be one that can run all commands, itself or
 * as a proxy. Commands of one user may run at the same time, as with a `DoveadmHttp`, and `runAll` sends each
 * call in a request of its own.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire";
 *
 * await using doveadm = connect(["https://mail1.example.org", "https://mail2.example.org"], {
 *   password: "s3cret",
 *   route: "userdb",
 * });
 * console.log(await doveadm.run("mailbox list", { user: "alice" }));
 * ```
 */
export class DoveadmHttpCluster extends DoveadmClient {
  /** Creates a client, as `connect()` does. Throws a `LocalProtocolError` for an invalid target or option. */
  constructor(targets: readonly (string | URL)[], options: DoveadmHttpClusterOptions = {}) {
    const calls = new ClusterCalls(targets, {
      open(target) {
        if (!isHttpTarget(target)) throw mixedError();
        const { hostname, port, protocol } = resolveHttpTarget(target).url;
        const isEncrypted = protocol === "https:";
        const calls = new HttpCalls(target, options);
        return { calls, hostname, port: Number(port) || undefined, isEncrypted };
      },
      withPort: (target) => target,
      isOrdered: false,
    }, checkClusterOptions(options));
    super(calls, options);
  }
}

function mixedError(): LocalProtocolError {
  return new LocalProtocolError(
    "The servers of a cluster must have the same protocol: not all of these URLs are for HTTP.",
  );
}
