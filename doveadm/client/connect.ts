/**
 * Creates the client for a target and its protocol.
 *
 * @module
 */

import { Doveadm } from "./doveadm.ts";
import type { DoveadmClient } from "./doveadm_client.ts";
import type { DoveadmOptions } from "./doveadm_options.ts";
import { DoveadmHttp } from "../http/doveadm_http.ts";
import type { DoveadmHttpOptions } from "../http/doveadm_http_options.ts";
import { isHttpTarget } from "../http/target.ts";
import type { DoveadmTarget } from "./target.ts";

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
 * - `http://host:8080` or `https://host`: Dovecot's HTTP API.
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
export function connect(
  target: `http://${string}` | `https://${string}`,
  options?: DoveadmHttpOptions,
): DoveadmHttp;
/** A client for a UNIX socket or a TCP port. */
export function connect(
  target:
    | `doveadm:${string}`
    | `doveadms:${string}`
    | `doveadm+starttls:${string}`
    | `doveadm+unix:${string}`
    | DoveadmTarget,
  options?: DoveadmOptions,
): Doveadm;
/** A client for a target that is known only at run time. */
export function connect(
  target: string | URL | DoveadmTarget,
  options?: DoveadmOptions & DoveadmHttpOptions,
): DoveadmClient;
export function connect(
  target: string | URL | DoveadmTarget,
  options: DoveadmOptions & DoveadmHttpOptions = {},
): DoveadmClient {
  return isHttpTarget(target) ? new DoveadmHttp(target, options) : new Doveadm(target, options);
}
