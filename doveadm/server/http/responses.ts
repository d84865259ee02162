/**
 * Responses of the HTTP API, and the forms that they have in Dovecot.
 *
 * @module
 */

import type { DovecotVersion } from "../../../core/doveadm/catalogue/mod.ts";
import { encodeUtf8 } from "../../../core/mod.ts";
import type { OfferedCommands } from "./offered_commands.ts";

/** The reason phrases of Dovecot where they differ from the usual ones, and those of other failures. */
const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Authentication required",
  403: "Forbidden",
  404: "Path Not Found",
  408: "Request Timeout",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** A failure with a text; the reason phrase if left out. */
export function failureResponse(status: number, text: string = reasons[status]): Response {
  return wholeResponse(encodeUtf8(`${text}\r\n`), status, {
    "Content-Type": "text/plain; charset=utf-8",
    ...(status === 503 ? { "Retry-After": "1" } : {}),
  });
}

/** Asks for credentials. */
export function unauthorizedResponse(challenges: readonly string[]): Response {
  const response = wholeResponse(nothing, 401);
  for (const challenge of challenges) response.headers.append("WWW-Authenticate", challenge);
  return response;
}

const jsonType = { "Content-Type": "application/json; charset=utf-8" };

/** A response with JSON. */
export function jsonResponse(
  body: Uint8Array | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const all = { ...jsonType, ...headers };
  return body instanceof Uint8Array
    ? wholeResponse(body, 200, all)
    : new Response(body, { headers: all });
}

/** The answer to OPTIONS, at any path. */
export function optionsResponse(): Response {
  return wholeResponse(nothing, 200, {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Request-Headers": "Content-Type, X-API-Key, Authorization",
    "Access-Control-Allow-Headers": "Content-Type, WWW-Authenticate",
  });
}

const nothing = new Uint8Array(0);

function wholeResponse(
  body: Uint8Array,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body.length === 0 ? null : body as Uint8Array<ArrayBuffer>, {
    status,
    statusText: reasons[status] ?? "OK",
    headers: { ...headers, "Content-Length": String(body.length) },
  });
}

/** What `GET /` returns: the paths and methods. */
export function mountsOf(version: DovecotVersion): Uint8Array {
  const mounts = [["OPTIONS", "*"], ["GET", "/"], ["GET", "/doveadm/v1"], ["POST", "/doveadm/v1"]]
    .map(([method, path]) => JSON.stringify({ method, path }));
  return encodeUtf8(
    version === "2.3" ? `[\n${mounts.join(",\n")}\n]` : `[${mounts.join(",")}]`,
  );
}

/** What `GET /doveadm/v1` returns: the commands and their parameters. */
export function listOf(offered: OfferedCommands): Uint8Array {
  const list = offered.list();
  if (offered.version !== "2.3") return encodeUtf8(JSON.stringify(list));
  const commands = list.map(({ command, parameters }) => {
    const lines = parameters.map((parameter) => `\t\t${JSON.stringify(parameter)}`);
    const inner = lines.length === 0 ? "" : `\n${lines.join(",\n")}\n\t`;
    return `\t{"command":${JSON.stringify(command)}, "parameters":[${inner}]}`;
  });
  return encodeUtf8(`[\n${commands.join(",\n")}\n]`);
}
