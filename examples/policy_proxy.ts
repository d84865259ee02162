/**
 * A doveadm proxy with a policy: each client has a token, and may run only the commands and act on
 * only the users that its rule allows (docs/policy.md). What it may do is passed on to a real Dovecot,
 * with its input, its log and answers of any size; anything else is refused, and never gets there.
 *
 * Run it with a policy file:
 *
 * ```sh
 * deno run --allow-net --allow-read --allow-write examples/policy_proxy.ts policy.json
 * doveadm -S 127.0.0.1:24246 -o doveadm_password=TOKEN mailbox list -u alice@example.org
 * ```
 *
 * ```json
 * {
 *   "hostname": "127.0.0.1",
 *   "port": 24246,
 *   "upstream": "doveadm+unix:///run/dovecot/doveadm-server",
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
import { CommandError, connect } from "../mod.ts";
import {
  CommandFailure,
  type DoveadmServer,
  policy,
  type PolicyRule,
  type ReplyField,
  serve,
  type ServePlace,
  type ServerRequest,
} from "../doveadm/server/mod.ts";

/** Options for {@linkcode servePolicyProxy}. */
export interface PolicyProxyOptions {
  /** The Dovecot to pass commands on to. */
  readonly upstream: string;
  /** That one's doveadm_password, if it asks for one. */
  readonly upstreamPassword?: string;
  /** The rules, by a name for who has the token, which the log shows. */
  readonly rules: Readonly<Record<string, PolicyRule>>;
}

/** Starts a proxy. */
export function servePolicyProxy(
  options: PolicyProxyOptions & ServePlace,
): Promise<DoveadmServer> {
  const { upstream, upstreamPassword, rules, ...place } = options;
  const { authenticate, guard } = policy(rules);

  async function* passOn(request: ServerRequest): AsyncGenerator<ReplyField> {
    const { name, args, user, verbosity, hasInput, input, signal, log } = request;
    await using doveadm = connect(upstream, {
      password: upstreamPassword,
      logPassthrough: true,
      onLog: ({ level, message }) => log(level, message),
    });
    const command = { name, args, user, verbosity, ...(hasInput ? { input } : {}) };
    try {
      for await (const field of doveadm.stream(command, { signal })) {
        // "user" replies with a text that isn't a row.
        yield name === "user" ? { text: await field.text() } : field;
      }
    } catch (error) {
      // What it logged was passed on already.
      if (!(error instanceof CommandError)) throw error;
      throw new CommandFailure(error.code, { detail: error.detail });
    }
  }

  return serve({ ...place, authenticate }, guard(passOn));
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    console.error("Which policy? Give the path of a JSON file.");
    process.exit(64);
  }
  const server = await servePolicyProxy(JSON.parse(await readFile(file, "utf8")));
  console.log("The proxy listens at", server.address);
}
