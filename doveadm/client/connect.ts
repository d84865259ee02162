/**
 * Creates the client for a target and its protocol.
 *
 * @module
 */

import type { ClusterTarget, DoveadmClusterOptions } from "./cluster/cluster_options.ts";
import { DoveadmCluster } from "./cluster/doveadm_cluster.ts";
import { Doveadm } from "./doveadm.ts";
import type { DoveadmClient } from "./doveadm_client.ts";
import type { DoveadmOptions } from "./doveadm_options.ts";
import { DoveadmHttp } from "../http/doveadm_http.ts";
import {
  DoveadmHttpCluster,
  type DoveadmHttpClusterOptions,
} from "../http/doveadm_http_cluster.ts";
import type { DoveadmHttpOptions } from "../http/doveadm_http_options.ts";
import { isHttpTarget } from "../http/target.ts";
import type { DoveadmTarget } from "./target.ts";

/** A URL for doveadm's own protocol. */
export type DoveadmUrl =
  | `doveadm:${string}`
  | `doveadms:${string}`
  | `doveadm+starttls:${string}`
  | `doveadm+unix:${string}`;

/** A URL for Dovecot's HTTP API. */
export type DoveadmHttpUrl = `http://${string}` | `https://${string}`;

/**
 * Creates a client for the doveadm server at a target; it connects when a command needs a connection.
 *
 * `target` is one of
 *
 * - `doveadm://host:24245`, or an object with `hostname` and `port`: doveadm's own protocol over TCP;
 * - `doveadms://host:24245`, or the object with `tls`: the same over TLS, to a listener with
 *   `ssl = yes`; `doveadm+starttls://host:24245`: encrypted on a plain port before the login;
 * - `doveadm+unix:///run/dovecot/doveadm-server`, or an object with `path`: the same over a UNIX
 *   socket;
 * - `http://host:8080` or `https://host`: Dovecot's HTTP API;
 * - a list of these, of one protocol: the servers of a cluster.
 *
 * Throws a `LocalProtocolError` for any other target.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire";
 *
 * await using doveadm = connect("doveadm+unix:///run/dovecot/doveadm-server");
 * for (const { mailbox } of await doveadm.run("mailbox list", { user: "alice" })) {
 *   console.log(mailbox);
 * }
 * ```
 */
export function connect(target: DoveadmHttpUrl, options?: DoveadmHttpOptions): DoveadmHttp;
/** A client for a UNIX socket or a TCP port. */
export function connect(target: DoveadmUrl | DoveadmTarget, options?: DoveadmOptions): Doveadm;
/** A client for the HTTP APIs of several servers. */
export function connect(
  targets: readonly DoveadmHttpUrl[],
  options?: DoveadmHttpClusterOptions,
): DoveadmHttpCluster;
/** A client for several servers' UNIX sockets or TCP ports. */
export function connect(
  targets: readonly (DoveadmUrl | DoveadmTarget)[],
  options?: DoveadmClusterOptions,
): DoveadmCluster;
/** A client for a target, or several, that are known only at run time. */
export function connect(
  target: ClusterTarget | readonly ClusterTarget[],
  options?: DoveadmClusterOptions & DoveadmHttpClusterOptions,
): DoveadmClient;
export function connect(
  target: ClusterTarget | readonly ClusterTarget[],
  options: DoveadmClusterOptions & DoveadmHttpClusterOptions = {},
): DoveadmClient {
  if (isList(target)) {
    return isHttpTarget(target[0])
      ? new DoveadmHttpCluster(target as readonly (string | URL)[], options)
      : new DoveadmCluster(target, options);
  }
  return isHttpTarget(target) ? new DoveadmHttp(target, options) : new Doveadm(target, options);
}

function isList(
  target: ClusterTarget | readonly ClusterTarget[],
): target is readonly ClusterTarget[] {
  return Array.isArray(target);
}
