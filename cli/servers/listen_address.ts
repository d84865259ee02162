/**
 * The addresses that `--listen` names.
 *
 * @module
 */

import { UsageError } from "../command_line/usage_error.ts";

/** Where to listen: a port, or the path of a UNIX socket. */
export type ListenPlace =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string };

/** Reads HOST:PORT, [IPV6]:PORT or the path of a socket; throws a `UsageError` for anything else. */
export function listenPlaceOf(text: string): ListenPlace {
  if (text.startsWith("/")) return { path: text };
  const [, bracketed, name, digits] =
    /^(?:\[([\da-f:.]+)\]|([^\s/:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  const hostname = bracketed ?? name;
  if (hostname !== undefined && port <= 65_535) return { hostname, port };
  throw new UsageError(
    `--listen is ${
      JSON.stringify(text)
    }. Set it to HOST:PORT, as in 127.0.0.1:24245, or to a socket's path.`,
  );
}
