/**
 * The target of a client, as a URL or as options.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/errors.ts";
import { shownValue } from "../../core/option_checks.ts";
import { checkHostname } from "../../transports/address_checks.ts";
import type { Address } from "../../transports/transport.ts";
import { decodeUrlPart, parseUrl } from "./url_parts.ts";

/** The port for doveadm in Dovecot's documentation. */
const defaultPort = 24245;

/** Where a server listens: a TCP port or a UNIX socket. */
export type DoveadmTarget =
  | {
    /** A name or an IP address. */
    readonly hostname: string;
    /** 24245 if left out. */
    readonly port?: number;
    /** Whether the port uses TLS from the first byte: Dovecot's `ssl = yes` of an `inet_listener`. */
    readonly tls?: boolean;
  }
  | {
    /** The path of a UNIX socket. */
    readonly path: string;
  };

/** How a connection is encrypted: not at all, from the first byte, or by STARTTLS. */
export type Security = "none" | "tls" | "starttls";

/** An address, how to encrypt, and the password if the URL has one. */
export interface ResolvedTarget {
  /** Where to connect to. */
  readonly address: Address;
  /** How to encrypt. */
  readonly security: Security;
  /** The password in the URL. */
  readonly password: string | undefined;
}

/**
 * Reads `doveadm://host:24245`, the same with `doveadms` or `doveadm+starttls`,
 * `doveadm+unix:///run/dovecot/doveadm-server`, or a target's options.
 * Throws a `LocalProtocolError` that never shows a password.
 *
 * @example
 * ```ts
 * import { resolveTarget } from "@dovewire/dovewire";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(resolveTarget("doveadms://mail.example.org"), {
 *   address: { transport: "tcp", hostname: "mail.example.org", port: 24245 },
 *   security: "tls",
 *   password: undefined,
 * });
 * ```
 */
export function resolveTarget(target: string | URL | DoveadmTarget): ResolvedTarget {
  if (typeof target === "string" || target instanceof URL) return resolveUrl(target);
  if (typeof target !== "object" || target === null) {
    throw new LocalProtocolError(
      `The target is ${shownValue(target)}. Give a URL, or an object with "hostname" or "path".`,
    );
  }
  if ("path" in target) {
    if (typeof target.path !== "string" || target.path === "") {
      throw new LocalProtocolError(
        'The target\'s "path" is empty. Give the path of a UNIX socket.',
      );
    }
    const address: Address = { transport: "unix", path: target.path };
    return { address, security: "none", password: undefined };
  }
  const { hostname, port = defaultPort, tls = false } = target;
  if (typeof hostname !== "string" || hostname === "") {
    throw new LocalProtocolError('The target has neither "hostname" nor "path". Set one of them.');
  }
  checkHostname(hostname);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new LocalProtocolError(
      `The target's "port" is ${shownValue(port)}. Set it to a number from 1 to 65535.`,
    );
  }
  const address: Address = { transport: "tcp", hostname, port };
  return { address, security: tls ? "tls" : "none", password: undefined };
}

const forms =
  'Use "doveadm://host:24245", "doveadms://host:24245", "doveadm+starttls://host:24245" or ' +
  '"doveadm+unix:///run/dovecot/doveadm-server".';

/** The encryption of each scheme for TCP. */
const securities: Readonly<Record<string, Security>> = {
  "doveadm:": "none",
  "doveadms:": "tls",
  "doveadm+starttls:": "starttls",
};

function resolveUrl(target: string | URL): ResolvedTarget {
  const url = parseUrl(target);
  if (url === undefined) throw new LocalProtocolError(`The target is not a URL. ${forms}`);
  if (url.search !== "" || url.hash !== "") {
    throw new LocalProtocolError(`A doveadm URL has no "?" and no "#". ${forms}`);
  }
  switch (url.protocol) {
    case "doveadm+unix:": {
      const path = decodeUrlPart(url.pathname, forms);
      if (url.host !== "" || path === "" || path === "/") {
        throw new LocalProtocolError(`The URL names no UNIX socket. ${forms}`);
      }
      const address: Address = { transport: "unix", path };
      return { address, security: "none", password: undefined };
    }
    case "doveadm:":
    case "doveadms:":
    case "doveadm+starttls:": {
      if (url.port === "0") throw new LocalProtocolError(`No server has the port 0. ${forms}`);
      if (url.hostname === "" || !["", "/"].includes(url.pathname)) {
        throw new LocalProtocolError(`The URL has no host, or has a path. ${forms}`);
      }
      const hostname = decodeUrlPart(url.hostname, forms).replace(/^\[(.*)\]$/, "$1");
      checkHostname(hostname);
      const port = url.port === "" ? defaultPort : Number(url.port);
      const password = url.password === "" ? undefined : decodeUrlPart(url.password, forms);
      const address: Address = { transport: "tcp", hostname, port };
      return { address, security: securities[url.protocol], password };
    }
    case "http:":
    case "https:":
      throw new LocalProtocolError(
        `A Doveadm client can't use HTTP. Use connect(), which returns a DoveadmHttp for this URL. ${forms}`,
      );
    default:
      throw new LocalProtocolError(`"${url.protocol}" is not a scheme for doveadm. ${forms}`);
  }
}
