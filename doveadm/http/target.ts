/**
 * The URL of an HTTP API.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { decodeUrlPart, parseUrl } from "../client/url_parts.ts";

/** The URL of the API, and the name and password from the given URL. */
export interface HttpTarget {
  readonly url: URL;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const forms = 'Use "http://host:8080" or "https://host", with or without "/doveadm/v1".';

/** The path of the API on a server. */
const apiPath = "/doveadm/v1";

/** Whether a target is for the HTTP client. */
export function isHttpTarget(target: unknown): target is string | URL {
  return /^https?:/i.test(typeof target === "string" || target instanceof URL ? `${target}` : "");
}

/**
 * Reads `http://host:8080`; the path is `/doveadm/v1` if it has none. Throws a `LocalProtocolError` that
 * never shows a password.
 */
export function resolveHttpTarget(target: string | URL): HttpTarget {
  const url = parseUrl(target);
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new LocalProtocolError(`The target is not an HTTP URL. ${forms}`);
  }
  if (url.search !== "" || url.hash !== "") {
    throw new LocalProtocolError(`A URL of doveadm's HTTP API has no "?" and no "#". ${forms}`);
  }
  if (url.port === "0") throw new LocalProtocolError(`No server has the port 0. ${forms}`);
  const { username, password } = url;
  if (["", "/"].includes(url.pathname)) url.pathname = apiPath;
  url.username = "";
  url.password = "";
  // Either may be present and empty.
  url.search = "";
  url.hash = "";
  return {
    url,
    username: username === "" ? undefined : decodeUrlPart(username, forms),
    password: password === "" ? undefined : decodeUrlPart(password, forms),
  };
}
