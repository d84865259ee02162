/**
 * `fetch` that goes to servers of this machine without a proxy.
 *
 * Runtimes send requests through the proxy that the environment names (`HTTP_PROXY`), also those to this machine
 * unless `NO_PROXY` has it: Deno and Bun always, Node if `NODE_USE_ENV_PROXY` is set. The proxy would get the password
 * unencrypted over the network, and reach its own machine.
 *
 * @module
 */

import { isOverNetwork } from "../client/plaintext.ts";

/** Sends a request, as `fetch` does. */
type Send = (url: URL, init: RequestInit) => Promise<Response>;

/** What the runtimes' `fetch` takes beyond the standard. */
interface DirectInit extends RequestInit {
  client?: HttpClient;
  proxy?: false;
  dispatcher?: unknown;
}

interface HttpClient {
  close(): void;
}

/** What is used of Deno. */
interface Deno {
  createHttpClient(options: { readonly proxy: object }): HttpClient;
  readonly env: { get(variable: string): string | undefined };
  readonly permissions: {
    querySync(of: { readonly name: "env"; readonly variable: string }): { readonly state: string };
  };
}

/** What is used of the runtimes, as far as they have it. */
interface Runtime {
  readonly Deno?: Deno;
  readonly Bun?: unknown;
  /** What Node's `fetch` sends requests with. */
  readonly [nodeDispatcher]?: object;
}

const nodeDispatcher: unique symbol = Symbol.for("undici.globalDispatcher.1");

/** The variables by which Deno knows a proxy. */
const variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** The runtime's `fetch` for requests to a URL. */
export function fetchFor({ protocol, hostname, port }: URL): Send {
  if (protocol !== "http:" || isOverNetwork(hostname)) return fetch;
  const runtime = globalThis as Runtime;
  if (runtime.Deno !== undefined) {
    if (!mayHaveProxy(runtime.Deno)) return fetch;
    const { createHttpClient } = runtime.Deno;
    // The server itself as the proxy: it gets the whole URL, which all must accept. Source: RFC 9112, section 3.2.2.
    const proxy = { transport: "tcp", hostname, port: Number(port) || 80 };
    return async (url, init) => {
      const client = createHttpClient({ proxy });
      try {
        return await send(url, { ...init, client });
      } finally {
        client.close();
      }
    };
  }
  if (runtime.Bun !== undefined) return (url, init) => send(url, { ...init, proxy: false });
  let direct: { readonly of: object; readonly dispatcher: object } | undefined;
  return (url, init) => {
    const current = runtime[nodeDispatcher];
    if (current?.constructor.name !== "EnvHttpProxyAgent") return send(url, init);
    if (direct?.of !== current) {
      const Agent = current.constructor as new (options: { readonly noProxy: string }) => object;
      direct = { of: current, dispatcher: new Agent({ noProxy: "*" }) };
    }
    return send(url, { ...init, dispatcher: direct.dispatcher });
  };
}

/** Whether the environment names a proxy, or may not be read; asking for the permission would stop the program. */
function mayHaveProxy({ env, permissions }: Deno): boolean {
  return variables.some((variable) =>
    permissions.querySync({ name: "env", variable }).state !== "granted" ||
    (env.get(variable) ?? "") !== ""
  );
}

function send(url: URL, init: DirectInit): Promise<Response> {
  return fetch(url, init);
}
