/**
 * A doveadm proxy with a policy: each client has a token, and may run only the commands, and act on only
 * the users, that its rule allows (docs/policy.md). Allowed commands are passed on to a real Dovecot, with
 * input, log and answers of any size; all others are refused and never reach it. SIGTERM and SIGINT stop the proxy when
 * the running commands are answered.
 *
 * Run it with a policy file:
 *
 * ```sh
 * deno run --allow-net --allow-read --allow-write examples/policy_proxy.ts policy.json
 * doveadm -o doveadm_password=TOKEN mailbox list -S 127.0.0.1:24246 -u alice@example.org
 * ```
 *
 * ```json
 * {
 *   "hostname": "127.0.0.1",
 *   "port": 24246,
 *   "upstream": "doveadm+unix:///run/dovecot/doveadm-server",
 *   "version": "2.4",
 *   "rules": {
 *     "web shop": { "token": "…", "commands": ["quota get", "mailbox *"], "users": ["*@example.org"] }
 *   }
 * }
 * ```
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import type { DovecotVersion } from "../core/doveadm/catalogue/mod.ts";
import { checkOptions, DovewireError } from "../core/mod.ts";
import {
  type DoveadmServer,
  policy,
  type PolicyRule,
  serve,
  type ServePlace,
  type ServeSettings,
} from "../doveadm/server/mod.ts";
import { parseJson } from "./parse_json.ts";
import { passOn, withCheckedArguments } from "./pass_on.ts";

/** Options for {@linkcode servePolicyProxy}. */
export interface PolicyProxyOptions extends Pick<ServeSettings, "onError"> {
  /** The URL of the Dovecot to pass commands on to. */
  readonly upstream: string;
  /** That Dovecot's doveadm_password, if it has one. */
  readonly upstreamPassword?: string;
  /** That Dovecot's version; if it is left out, only arguments that no version takes are refused. */
  readonly version?: DovecotVersion;
  /** How many commands run there at once; 50 if left out. Others wait, so that no token can use up its processes. */
  readonly maxConnections?: number;
  /** The rules, by a name for the owner of the token, which the log shows. */
  readonly rules: Readonly<Record<string, PolicyRule>>;
}

/** Starts a proxy; rejects as `serve` does, and with a `LocalProtocolError` for other invalid options. */
export async function servePolicyProxy(
  options: PolicyProxyOptions & ServePlace,
): Promise<DoveadmServer> {
  checkOptions(options);
  const { upstream, upstreamPassword, version, maxConnections = 50, rules, ...place } = options;
  const { authenticate, guard } = policy(rules);
  const dovecot = passOn(upstream, { password: upstreamPassword, maxConnections });
  return await serve({ ...place, authenticate }, guard(withCheckedArguments(dovecot, version)));
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    console.error("The policy is missing. Give the path of a JSON file.");
    process.exit(64);
  }
  const server = await servePolicyProxy({
    ...parseJson(await readFile(file, "utf8"), file),
    onError: (error: unknown, client: string) =>
      console.error(client, error instanceof DovewireError ? error.message : error),
  });
  console.log("The proxy listens at", server.address);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void server.close());
  }
}
