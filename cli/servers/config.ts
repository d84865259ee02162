/**
 * The configuration file: servers by name.
 *
 * ```json
 * {
 *   "default": ["mx1", "mx2"],
 *   "servers": {
 *     "mx1": { "url": "doveadms://mx1.example.org:24245", "passwordFile": "mx1.password" },
 *     "mx2": { "url": "https://mx2.example.org", "passwordCommand": "pass show mx2" }
 *   }
 * }
 * ```
 *
 * @module
 */

import { messageOf } from "@dovewire/dovewire/core";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";
import { readSmallFile } from "./small_file.ts";

/** A server in the configuration file. Paths are relative to the file's folder. */
export interface ServerConfig {
  /** Where it is: what `connect()` of the library takes. */
  readonly url: string;
  /** The path of a file with the password in its first line. */
  readonly passwordFile?: string;
  /** A shell command that prints the password. */
  readonly passwordCommand?: string;
  /** The name of an environment variable with the password. */
  readonly passwordEnv?: string;
  /** The path of a file with the key of the HTTP API. */
  readonly apiKeyFile?: string;
  /** The path of CAs to trust instead of the system's, as PEM. */
  readonly ca?: string;
  /** Whether the password may be sent unencrypted over a network. */
  readonly allowPlaintextPassword?: boolean;
}

/** The whole file. */
export interface Config {
  /** The servers to ask if the command line and the environment name none. */
  readonly default: readonly string[];
  /** The servers by name. */
  readonly servers: ReadonlyMap<string, ServerConfig>;
}

const keys: Readonly<Record<keyof ServerConfig, "string" | "boolean">> = {
  url: "string",
  passwordFile: "string",
  passwordCommand: "string",
  passwordEnv: "string",
  apiKeyFile: "string",
  ca: "string",
  allowPlaintextPassword: "boolean",
};

/** The most bytes of the file. */
const largest = 16 * 1_048_576;

/** The keys whose values are paths. */
const paths = ["passwordFile", "apiKeyFile", "ca"] as const;

/**
 * Reads the configuration from a file; if `path` is `undefined`, from the usual one, which may be missing.
 * Throws a `UsageError` that names the file and the wrong key.
 */
export async function readConfig(path: string | undefined): Promise<Config> {
  const file = path ?? usualPath();
  let text: string | undefined;
  try {
    text = await readSmallFile(file, largest);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (path === undefined && isMissing) return { default: [], servers: new Map() };
    throw new UsageError(`The configuration ${file} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (text !== undefined) return parseConfig(text, file);
  throw new UsageError(`The configuration ${file} has more than ${largest} bytes: it is none.`);
}

function usualPath(): string {
  const { DOVEWIRE_CONFIG, XDG_CONFIG_HOME } = process.env;
  if (DOVEWIRE_CONFIG) return DOVEWIRE_CONFIG;
  return join(XDG_CONFIG_HOME || join(homedir(), ".config"), "dovewire", "config.json");
}

/** Parses a configuration; `file` is its path, for paths in it and for messages. */
export function parseConfig(text: string, file: string): Config {
  const wrong = (what: string) => new UsageError(`The configuration ${file} is wrong: ${what}`);
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    // The runtime's own error quotes the text, in which a URL may have a password.
    throw wrong("it is not JSON. A JSON formatter shows where, such as jq.");
  }
  if (!isObject(root)) throw wrong("it is not an object.");
  for (const key of Object.keys(root)) {
    if (key !== "default" && key !== "servers") {
      throw wrong(`it has no key ${JSON.stringify(key)}. There are "default" and "servers".`);
    }
  }
  if (root.servers !== undefined && !isObject(root.servers)) {
    throw wrong('"servers" is not an object.');
  }
  const servers = new Map<string, ServerConfig>();
  for (const [name, server] of Object.entries(root.servers ?? {})) {
    const fault = serverFault(server);
    if (fault !== undefined) throw wrong(`the server ${JSON.stringify(name)} ${fault}`);
    servers.set(name, withPaths(server as ServerConfig, dirname(resolve(file))));
  }
  const names = [root.default ?? []].flat().map((name) => {
    if (typeof name === "string" && servers.has(name)) return name;
    throw wrong(`"default" names ${JSON.stringify(name)}, which is not one of "servers".`);
  });
  return { default: names, servers };
}

function serverFault(server: unknown): string | undefined {
  if (!isObject(server)) return "is not an object.";
  if (server.url === undefined) return 'has no "url".';
  for (const [key, value] of Object.entries(server)) {
    if (!Object.hasOwn(keys, key)) {
      return `has a key ${JSON.stringify(key)}, which means nothing. The keys are ` +
        `${Object.keys(keys).join(", ")}.`;
    }
    const type = keys[key as keyof ServerConfig];
    const isRight = type === "boolean" ? typeof value === "boolean" : typeof value === "string";
    if (!isRight) return `has a ${JSON.stringify(key)} that is not a ${type}.`;
  }
}

function withPaths(server: ServerConfig, folder: string): ServerConfig {
  const resolved = paths.flatMap((key) => {
    const path = server[key];
    return path === undefined ? [] : [[key, resolve(folder, path)]];
  });
  return { ...server, ...Object.fromEntries(resolved) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
