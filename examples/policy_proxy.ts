/**
 * A doveadm proxy with a policy: each client has a token, and may run only the commands and act on
 * only the users that its token allows. What it may is passed on to a real Dovecot, with its input,
 * its log and answers of any size; what it may not is refused, and never gets there.
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
  type ReplyField,
  sameSecret,
  serve,
  type ServePlace,
  type ServerRequest,
} from "../doveadm/server/mod.ts";

/** What the client with a token may do. Masks have `*` for anything and `?` for one character. */
export interface Rule {
  /** The secret that the client logs in with, as doveadm's password. */
  readonly token: string;
  /** Masks of the commands that it may run: "quota get", "mailbox *". */
  readonly commands: readonly string[];
  /** Masks of the users that it may act on; only "*" also allows commands that act on none. */
  readonly users: readonly string[];
}

/** What the proxy is told. */
export interface PolicyProxyOptions {
  /** The Dovecot to pass commands on to. */
  readonly upstream: string;
  /** That one's doveadm_password, if it asks for one. */
  readonly upstreamPassword?: string;
  /** The rules, by a name for who has the token, which the log shows. */
  readonly rules: Readonly<Record<string, Rule>>;
}

/** Starts a proxy. */
export function servePolicyProxy(
  options: PolicyProxyOptions & ServePlace,
): Promise<DoveadmServer> {
  const { upstream, upstreamPassword, rules, ...place } = options;
  const encoder = new TextEncoder();

  /** Who has the token; all are compared, so that the time tells nothing. */
  function authenticate(_username: string, password: string): string | undefined {
    const given = encoder.encode(password);
    const [found] = Object.entries(rules).filter(([, { token }]) =>
      sameSecret(given, encoder.encode(token))
    );
    return found?.[0];
  }

  async function* passOn(request: ServerRequest): AsyncGenerator<ReplyField> {
    const { name, args, user, verbosity, hasInput, input, signal, log } = request;
    const who = request.client.username!;
    const objection = objectionTo(request, rules[who]);
    if (objection !== undefined) {
      throw new CommandFailure("NOPERM", { log: `"${name}" is refused to ${who}: ${objection}.` });
    }
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

  return serve({ ...place, authenticate }, passOn);
}

/** Why a rule doesn't allow a command; `undefined` if it does. */
function objectionTo({ name, args, user }: ServerRequest, rule: Rule): string | undefined {
  if (!rule.commands.some((mask) => fits(mask, name))) return "no rule allows the command";
  if (rule.users.includes("*")) return undefined;
  if (user === undefined) return "it acts on no user, and not every user is allowed";
  if (!rule.users.some((mask) => fits(mask, user))) return `no rule allows the user ${user}`;
  if (args.some((arg, at) => choosesUsers(arg, args[at + 1], user))) {
    return "its options choose other users, or another server";
  }
  if ((name === "copy" || name === "move") && args.includes("user")) {
    return "it takes the mail of another user";
  }
  return undefined;
}

/**
 * Whether an argument may be one of the options -A, -F, -S and -u, alone or among other short ones, or
 * a long one of theirs. It may be a value as well; refusing too much is the safe side. doveadm itself
 * repeats the user as `-u USER`, which chooses nobody else.
 */
function choosesUsers(argument: string, next: string | undefined, user: string): boolean {
  if (argument === "-u" && next === user) return false;
  return /^-[^-]*[AFSu]/.test(argument) || /^--[aus]/.test(argument);
}

function fits(mask: string, text: string): boolean {
  const pattern = mask.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("\\*", ".*").replaceAll("\\?", ".");
  return new RegExp(`^${pattern}$`, "s").test(text);
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
