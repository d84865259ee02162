/**
 * Requests to an HTTP API in this process.
 *
 * @module
 */

import {
  type DoveadmHandler,
  type HttpHandler,
  httpHandler,
  type HttpHandlerOptions,
  type ServerRequest,
} from "../../../../doveadm/server/mod.ts";

/** The password of the APIs in tests. */
export const password = "s3cret";

/** The header for that password. */
export const authorization = `Basic ${btoa(`doveadm:${password}`)}`;

/** Makes a request with these commands, or with a body that may be none. */
export function post(
  body: unknown,
  { headers = {}, signal }: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  } = {},
): Request {
  const isRaw = typeof body === "string" || body instanceof Uint8Array ||
    body instanceof ReadableStream;
  const init = {
    method: "POST",
    headers: { authorization, ...headers },
    body: isRaw ? body as BodyInit : JSON.stringify(body),
    duplex: "half",
    signal,
  };
  return new Request("http://localhost/doveadm/v1", init);
}

/** Runs one command; returns its answer. */
export async function run(
  api: HttpHandler,
  command: string,
  parameters: unknown = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown[]> {
  const response = await api(post([[command, parameters, "t"]], { headers }));
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text)[0];
}

/** An API that takes the password. */
export function apiOf(handler: DoveadmHandler, options: HttpHandlerOptions = {}): HttpHandler {
  return httpHandler(handler, { password, ...options });
}

/** An API that keeps the requests that its handler gets. */
export function recording(
  options: HttpHandlerOptions = {},
): { readonly api: HttpHandler; readonly requests: ServerRequest[] } {
  const requests: ServerRequest[] = [];
  const api = apiOf((request) => {
    requests.push(request);
    return [];
  }, options);
  return { api, requests };
}

/** The answer to a command of {@linkcode run} that succeeds. */
export function success(rows: unknown): unknown[] {
  return ["doveadmResponse", rows, "t"];
}

/** The answer to a command of {@linkcode run} that fails. */
export function failure(exitCode: number, type = "exitCode"): unknown[] {
  return ["error", { type, exitCode }, "t"];
}
