/**
 * The addresses at which the program listens.
 *
 * @module
 */

import { UsageError } from "../command_line/usage_error.ts";

/** Where to listen: a port, or the path of a UNIX socket. */
export type ListenPlace =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string };

/**
 * Reads HOST:PORT, [IPV6]:PORT or the path of a socket, which `name` of the command line has; throws a
 * `UsageError` for anything else.
 */
export function listenPlaceOf(text: string, name = "--listen"): ListenPlace {
  if (text.startsWith("/")) return { path: text };
  const [, bracketed, hostname, digits] =
    /^(?:\[([\da-f:.]+)\]|([^\s/:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? hostname;
  if (host !== undefined && port <= 65_535) return { hostname: host, port };
  throw new UsageError(
    `${name} is ${
      JSON.stringify(text)
    }. Set it to HOST:PORT, as in 127.0.0.1:24245, or to a socket's path.`,
  );
}
