/**
 * Dovecot's HTTP API in front of a Dovecot that has only its UNIX socket: with TLS, a key for each person, a
 * policy (docs/policy.md), and what Dovecot's own HTTP lacks, for clients that ask for it (docs/http.md): log
 * lines, the rows before a failure, raw bytes as base64.
 *
 * Run it with a configuration file, on Deno, Node or Bun:
 *
 * ```sh
 * deno run --allow-net --allow-read --allow-write --allow-env examples/http_gateway.ts gateway.json
 * node examples/http_gateway.ts gateway.json
 * bun examples/http_gateway.ts gateway.json
 * curl -u doveadm:KEY -H 'Prefer: doveadm-log' https://mail.example.org:8443/doveadm/v1 \
 *   -d '[["mailboxList", {"user": "ann@example.org"}, "a"]]'
 * ```
 *
 * ```json
 * {
 *   "hostname": "0.0.0.0",
 *   "port": 8443,
 *   "tls": { "cert": "mail.example.org.pem", "key": "mail.example.org.key" },
 *   "upstream": "doveadm+unix:///run/dovecot/doveadm-server",
 *   "version": "2.4",
 *   "rules": {
 *     "ann": { "token": "…", "commands": ["mailbox *", "quota get"], "users": ["*@example.org"] }
 *   }
 * }
 * ```
 *
 * `version` is that of the Dovecot, "2.3" or "2.4"; `maxConnections` may set how many commands run there at once.
 * Without `tls` it is plain HTTP, for a reverse proxy on the
 * same machine. A key is the token of a rule: clients send it as the password, with any name, or by the scheme
 * X-Dovecot-API. SIGTERM and SIGINT stop the gateway when the running requests are answered.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import process from "node:process";
import { checkOptions } from "../core/mod.ts";
import {
  DovewireError,
  httpHandler,
  type HttpHandlerOptions,
  nodeListener,
  policy,
  type PolicyRule,
} from "../doveadm/server/mod.ts";
import { parseJson } from "./parse_json.ts";
import { passOn, withCheckedArguments } from "./pass_on.ts";

/** Options for {@linkcode startHttpGateway}. */
export interface HttpGatewayOptions
  extends Pick<HttpHandlerOptions<[string]>, "version" | "refusalDelay" | "onError"> {
  /** Where it listens. */
  readonly hostname: string;
  /** The port, 0 for any that is free. */
  readonly port: number;
  /** A certificate and its key, as PEM; without them, connections are not encrypted. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The URL of the Dovecot to pass commands on to. */
  readonly upstream: string;
  /** That Dovecot's doveadm_password, if it has one. */
  readonly upstreamPassword?: string;
  /** How many commands run there at once, 50 if left out; others wait. Dovecot's own limit is 100 processes. */
  readonly maxConnections?: number;
  /** The rules, by the names of their owners. */
  readonly rules: Readonly<Record<string, PolicyRule>>;
}

/** A running gateway. */
export interface HttpGateway extends AsyncDisposable {
  /** The port that it listens on. */
  readonly port: number;
  /** Stops it when the running requests are answered. */
  close(): Promise<void>;
}

/** Starts a gateway; rejects with a `LocalProtocolError` for invalid options, and with Node's error if it can't listen. */
export async function startHttpGateway(options: HttpGatewayOptions): Promise<HttpGateway> {
  checkOptions(options);
  const { hostname, port, tls, rules, upstream, upstreamPassword: password, ...others } = options;
  const { maxConnections = 50, ...rest } = others;
  const { authenticate, guard } = policy(rules);
  const dovecot = passOn(upstream, { password, maxConnections });
  const handler = guard(withCheckedArguments(dovecot, rest.version ?? "2.4"));
  const api = httpHandler(handler, {
    ...rest,
    authenticate,
    addressOf: (_, address: string) => address,
  });
  const listener = nodeListener(api);
  const server = tls === undefined ? createServer(listener) : createTlsServer({ ...tls }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // Node's own 511 is too few for a thousand clients at once.
    server.listen({ port, host: hostname, backlog: 4096 }, resolve);
  });
  const close = () => closed(server);
  return { port: portOf(server), close, [Symbol.asyncDispose]: close };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("It listens at no port.");
  return address.port;
}

async function closed(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await done;
}

/** Reads a configuration file, and the files that it names. */
async function readOptions(file: string): Promise<HttpGatewayOptions> {
  const { tls, ...options } = parseJson(await readFile(file, "utf8"), file);
  if (tls === undefined) return options;
  const [cert, key] = await Promise.all([tls.cert, tls.key].map((path) => readFile(path, "utf8")));
  return { ...options, tls: { cert, key } };
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    console.error("The configuration is missing. Give the path of a JSON file.");
    process.exit(64);
  }
  const gateway = await startHttpGateway({
    ...await readOptions(file),
    onError: (error, client) =>
      console.error(client, error instanceof DovewireError ? error.message : error),
  });
  console.log("The gateway listens on port", gateway.port);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void gateway.close());
  }
}
