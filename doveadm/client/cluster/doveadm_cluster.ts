/**
 * The client of several doveadm servers.
 *
 * @module
 */

import { type ConnectionKind, connectionKinds } from "../../../core/doveadm/catalogue/mod.ts";
import { ConnectionCalls } from "../connection_calls.ts";
import { DoveadmClient } from "../doveadm_client.ts";
import type { DoveadmOptions } from "../doveadm_options.ts";
import type { PoolCounts, PoolStats, PoolTotals } from "../pool/pool_stats.ts";
import { type DoveadmTarget, resolveTarget } from "../target.ts";
import { parseUrl } from "../url_parts.ts";
import { ClusterCalls } from "./cluster_calls.ts";
import {
  checkClusterOptions,
  type ClusterTarget,
  type DoveadmClusterOptions,
} from "./cluster_options.ts";
import type { ClusterProtocol } from "./servers.ts";

/** The state of a cluster's connections and calls. */
export interface ClusterStats extends PoolStats {
  /** The same by server, by its name in messages. */
  readonly servers: ReadonlyMap<string, PoolStats>;
  /**
   * Calls that are at no server now: they wait for their user's commands before them, or for a server to be
   * found or reached. `queued` counts those that wait at a server.
   */
  readonly waiting: number;
}

/**
 * A client for several doveadm servers: a pool of connections for each.
 *
 * - A user's commands go to the user's server, as `route`, the user database or a server's referral says;
 *   without such an answer to the first server of the list that can be reached.
 * - If a server can't be reached, the next one of those that can run the command gets it. If none of them can,
 *   the call waits until one is back, within its time limit. A command that was sent, and whose connection
 *   ended before the answer, is sent again only if its options say `idempotent: true`.
 * - Commands of one user run one at a time, in the order of the calls, whatever servers they go to.
 * - Commands that act on no user's mail go to the first server that can be reached, and tell of that one.
 *
 * @example
 * ```ts
 * import { DoveadmCluster } from "@dovewire/dovewire";
 * import { startMailServer } from "@dovewire/dovewire/testing";
 *
 * await using one = await startMailServer({ users: { alice: {} } });
 * await using two = await startMailServer({ users: { bob: {} } });
 * await using doveadm = new DoveadmCluster([one.url, two.url], {
 *   route: (user) => user === "alice" ? one.url : two.url,
 * });
 * await doveadm.run("mailbox list", { user: "bob" });
 * console.log(doveadm.stats().servers.size);
 * ```
 */
export class DoveadmCluster extends DoveadmClient {
  readonly #calls: ClusterCalls<ConnectionCalls>;

  /** Creates a client, as `connect()` does. Throws a `LocalProtocolError` for an invalid target or option. */
  constructor(targets: readonly ClusterTarget[], options: DoveadmClusterOptions = {}) {
    const calls = new ClusterCalls(targets, protocolWith(options), checkClusterOptions(options));
    super(calls, options);
    this.#calls = calls;
  }

  /** How many connections there are, what they do, how many calls wait, and sums since the start. */
  stats(): ClusterStats {
    const servers = new Map<string, PoolStats>();
    for (const { peer, calls } of this.#calls.servers()) servers.set(peer, calls.stats());
    return { ...sumOf([...servers.values()]), servers, waiting: this.#calls.waiting };
  }
}

/** Clusters of doveadm's own protocol. */
function protocolWith(options: DoveadmOptions): ClusterProtocol<ConnectionCalls> {
  return {
    open(target) {
      const { address, security } = resolveTarget(target);
      const { hostname, port } = address.transport === "tcp"
        ? address
        : { hostname: undefined, port: undefined };
      const calls = new ConnectionCalls(target, options, { failsFast: true });
      const isEncrypted = security !== "none" || options.starttls !== undefined;
      return { calls, hostname, port, isEncrypted };
    },
    withPort: targetWithPort,
    isOrdered: true,
  };
}

/** A target with a port if it has none. */
function targetWithPort(target: ClusterTarget, port: number): string | URL | DoveadmTarget {
  if (typeof target !== "string" && !(target instanceof URL)) {
    // Whatever the types say: what is no target is refused where it is read.
    if (typeof target !== "object" || target === null || "path" in target) return target;
    return { ...target, port: target.port ?? port };
  }
  const url = parseUrl(target);
  if (url === undefined || url.hostname === "" || url.port !== "") return target;
  url.port = String(port);
  return url;
}

const names = ["open", "idle", "running", "opening", "queued"] as const;
const totalNames = [
  ...["opened", "openFailures", "closed"] as const,
  ...["calls", "succeeded", "failed", "retried"] as const,
];

/** The sums of the servers' numbers. */
function sumOf(all: readonly PoolStats[]): PoolStats {
  const kindOf = (kind: ConnectionKind) => sums(names, all.map(({ kinds }) => kinds[kind]));
  return {
    ...sums(names, all),
    kinds: Object.fromEntries(connectionKinds.map((kind) => [kind, kindOf(kind)])) as Record<
      ConnectionKind,
      PoolCounts
    >,
    totals: sums<keyof PoolTotals>(totalNames, all.map(({ totals }) => totals)),
  };
}

function sums<Name extends string>(
  names: readonly Name[],
  all: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  return Object.fromEntries(
    names.map((name) => [name, all.reduce((sum, numbers) => sum + numbers[name], 0)]),
  ) as Record<Name, number>;
}
