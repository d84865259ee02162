/**
 * Chooses the servers to ask: by the command line, the environment, or the configuration file.
 *
 * @module
 */

import { quoteText } from "@dovewire/dovewire/core";
import process from "node:process";
import type { GivenOptions } from "../command_line/parse.ts";
import { similarNames } from "../command_line/suggest.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { type Config, readConfig, type ServerConfig } from "./config.ts";

/** A server to ask. */
export interface ChosenServer extends ServerConfig {
  /** Its name in the configuration file, or else as it was given; without a password. */
  readonly name: string;
}

/** The socket of a Dovecot on this machine. */
const localSocket = "/run/dovecot/doveadm-server";

/**
 * The servers to ask, at least one: those of `--server`, of the command's `-S`, of DOVEWIRE_SERVER, the
 * configuration's default, or the one of this machine. Throws a `UsageError` for an unknown name, and for a
 * URL with a password in the arguments.
 */
export async function chooseServers(
  options: GivenOptions,
  socketPath: string | undefined,
): Promise<readonly ChosenServer[]> {
  const config = await readConfig(options.get("config")?.at(-1));
  const inArguments = [
    ...options.get("server") ?? [],
    ...options.get("socket-path") ?? [],
    ...(socketPath === undefined ? [] : [socketPath]),
  ];
  for (const text of inArguments) refuseSecret(text);
  const inEnvironment = (process.env.DOVEWIRE_SERVER ?? "").split(/\s+/).filter((it) => it !== "");
  const texts = [inArguments, inEnvironment, config.default].find(({ length }) => length > 0) ??
    [localSocket];
  // Named twice, a server is asked once.
  const servers = [...new Set(texts)].map((text) => serverOf(text, config));
  const overridden = overridesOf(options);
  return servers.map((server) => ({ ...server, ...overridden }));
}

/** The server that a text names. */
export function serverOf(text: string, config: Config): ChosenServer {
  const named = config.servers.get(text);
  if (named !== undefined) return { ...named, name: text };
  const url = urlOf(text);
  if (url !== undefined) return { name: withoutSecret(text), url };
  const names = [...config.servers.keys()];
  const similar = similarNames(text, names);
  const guess = similar.length > 0
    ? ` Did you mean ${similar.map((name) => quoteText(name)).join(" or ")}?`
    : "";
  throw new UsageError(
    `There is no server ${
      quoteText(withoutUser(text))
    } in the configuration.${guess} A server is such a name, a URL, ` +
      "the path of a socket, or HOST:PORT.",
  );
}

function urlOf(text: string): string | undefined {
  if (text.includes("://")) return text;
  if (text.startsWith("/")) {
    return `doveadm+unix://${encodeURI(text).replace(/[?#]/g, encodeURIComponent)}`;
  }
  if (/^(\[[\da-f:.]+\]|[^\s/:@]+):\d+$/i.test(text)) return `doveadm://${text}`;
}

/** Throws a `UsageError` for an argument that is a URL with a password in it. */
export function refuseSecret(text: string): void {
  // A "/" in a password ends the host of a URL, but not what others can see.
  if (!/^(?!doveadm\+unix:)[^/]*:\/\/[^@]*:.*@/is.test(text)) return;
  throw new UsageError(
    "A URL in the arguments has a password, which other users of this machine can see. Leave it out, and " +
      "use --password-file, --password-command, DOVEWIRE_PASSWORD or the configuration file.",
  );
}

/** What is no server, without what may be a name and a password: its URL may lack the scheme. */
function withoutUser(text: string): string {
  return text.replace(/^.*@/s, "…@");
}

function withoutSecret(url: string): string {
  return url.replace(/^((?!doveadm\+unix:)[^/]*:\/\/).*@/is, "$1");
}

/** What options say about the servers, whatever the configuration says. */
function overridesOf(options: GivenOptions): Partial<ServerConfig> {
  const last = (name: string) => options.get(name)?.at(-1);
  const [passwordFile, passwordCommand, ca] = ["password-file", "password-command", "ca"].map(last);
  const hasPassword = passwordFile !== undefined || passwordCommand !== undefined;
  return {
    ...(hasPassword ? { passwordFile, passwordCommand, passwordEnv: undefined } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(options.has("allow-plaintext-password") ? { allowPlaintextPassword: true } : {}),
  };
}
