/**
 * Where an HTTP API is, as a URL.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { decodeUrlPart, parseUrl } from "../client/url_parts.ts";

/** The URL of the API, and the name and password that stood in the one that was given. */
export interface HttpTarget {
  readonly url: URL;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const forms = 'Use "http://host:8080" or "https://host", with or without "/doveadm/v1".';

/** Where the API is on a server. */
const apiPath = "/doveadm/v1";

/** Whether a target is to be spoken to over HTTP. */
export function isHttpTarget(target: unknown): target is string | URL {
  return /^https?:/i.test(typeof target === "string" || target instanceof URL ? `${target}` : "");
}

/**
 * Reads `http://host:8080`, whose path is `/doveadm/v1` unless it says another. Throws a
 * `LocalProtocolError` that never shows a password.
 */
export function resolveHttpTarget(target: string | URL): HttpTarget {
  const url = parseUrl(target);
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new LocalProtocolError(`The target is no URL of HTTP's. ${forms}`);
  }
  if (url.search !== "" || url.hash !== "") {
    throw new LocalProtocolError(`A URL of doveadm's HTTP API has no "?" and no "#". ${forms}`);
  }
  const { username, password } = url;
  if (["", "/"].includes(url.pathname)) url.pathname = apiPath;
  url.username = "";
  url.password = "";
  // They may be there and empty.
  url.search = "";
  url.hash = "";
  return {
    url,
    username: username === "" ? undefined : decodeUrlPart(username, forms),
    password: password === "" ? undefined : decodeUrlPart(password, forms),
  };
}
