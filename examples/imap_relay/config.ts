/**
 * The configuration file of the IMAP relay.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseJson } from "../parse_json.ts";
import type { ExecProgram } from "../xexec/command.ts";

/** A listener: where, and with `tls` how to encrypt it. */
export interface ListenConfig {
  /** A name or an IP address: "0.0.0.0" or "::" for all networks. */
  readonly hostname: string;
  /** The port; 0 for any free one. */
  readonly port: number;
  /** The certificate and the key; without them the listener doesn't encrypt. */
  readonly tls?: {
    /** The path of the certificate, followed by those between it and its CA, as PEM. */
    readonly cert: string;
    /** The path of its private key, as PEM. */
    readonly key: string;
    /** Whether clients start unencrypted and may, or must, ask for TLS; if left out, TLS from the first byte. */
    readonly starttls?: "offered" | "required";
  };
}

/** The IMAP server behind the relay. */
export interface UpstreamConfig {
  /** A name or an IP address. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
  /** How to encrypt the connection; without it, it isn't encrypted. */
  readonly tls?: {
    /** The path of CAs to trust instead of the runtime's, as PEM. */
    readonly caCerts?: string;
    /** The name that its certificate must be for; `hostname` if left out. */
    readonly serverName?: string;
    /** Whether to encrypt by STARTTLS; if left out, from the first byte. */
    readonly starttls?: "required";
  };
}

/** Dovecot's doveadm, to ask for the users' names. */
export interface DoveadmConfig {
  /** Its URL, "doveadm+unix:///run/dovecot/doveadm-server". */
  readonly url: string;
  /** Its doveadm_password, if it needs one. */
  readonly password?: string;
}

/** The whole file. Paths are relative to its folder. */
export interface RelayConfig {
  /** Where clients connect. */
  readonly listen: ListenConfig;
  /** The server that has the mail. */
  readonly upstream: UpstreamConfig;
  /** The custom commands: "xkeysync", "xexec" and "xdoveadm". */
  readonly commands: readonly string[];
  /** The programs that XEXEC runs, by the names that clients give; a timeout is in milliseconds. */
  readonly programs?: Readonly<Record<string, ExecProgram>>;
  /**
   * Where keys are kept: "memory"; "sqlite:PATH", for the relays of one machine; a URL of Redis,
   * "redis://HOST:PORT", "rediss://…" or "unix:///PATH", for those of many; or the path of a module that exports
   * `openKeyStore()`, which returns a `KeyStore` or a promise of one. "memory" if left out.
   */
  readonly store?: string;
  /**
   * After how many milliseconds in which nothing happens a connection is frozen, so that it takes less memory; never if
   * left out.
   */
  readonly freezeAfter?: number;
  /** How many connections there may be. */
  readonly limits?: {
    /** In all; 1000 if left out. */
    readonly maxConnections?: number;
    /** Of one address; 100 if left out. */
    readonly maxConnectionsPerAddress?: number;
    /** Of those that wait for their login; 100 if left out. */
    readonly maxUnauthenticated?: number;
  };
  /** Who tells the users' names; if left out, a user is who the client says it is. */
  readonly doveadm?: DoveadmConfig;
}

/** The commands that there are. */
export const knownCommands = ["xkeysync", "xexec", "xdoveadm"] as const;

/** A configuration that can't be used. The message says where it is wrong, and what is right. */
export class ConfigError extends Error {
  /** The class's name. */
  override name = "ConfigError";
}

/** Reads a configuration file. Rejects with a {@linkcode ConfigError}. */
export async function readConfig(path: string): Promise<RelayConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${path} can't be read: ${(error as Error).message}`);
  }
  let value: unknown;
  try {
    value = parseJson(text, path);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
  try {
    return withPaths(checkConfig(value), dirname(resolve(path)));
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${path}: ${error.message}`) : error;
  }
}

/** Checks a configuration. Throws a {@linkcode ConfigError}. */
export function checkConfig(value: unknown): RelayConfig {
  const config = new Fields(value, "");
  const listen = config.object("listen");
  const listenTls = listen.optionalObject("tls");
  const upstream = config.object("upstream");
  const upstreamTls = upstream.optionalObject("tls");
  const doveadm = config.optionalObject("doveadm");
  const limits = config.optionalObject("limits");
  const programs = config.optionalObject("programs");
  const checked: RelayConfig = {
    listen: {
      hostname: listen.text("hostname"),
      port: listen.port("port", 0),
      tls: listenTls && {
        cert: listenTls.text("cert"),
        key: listenTls.text("key"),
        starttls: listenTls.optionalWord("starttls", ["offered", "required"]),
      },
    },
    upstream: {
      hostname: upstream.text("hostname"),
      port: upstream.port("port", 1),
      tls: upstreamTls && {
        caCerts: upstreamTls.optionalText("caCerts"),
        serverName: upstreamTls.optionalText("serverName"),
        starttls: upstreamTls.optionalWord("starttls", ["required"]),
      },
    },
    commands: config.words("commands", knownCommands),
    programs: programs && Object.fromEntries(
      programs.names().map((name) => [name, programOf(programs.object(name))]),
    ),
    store: config.optionalText("store"),
    freezeAfter: config.optionalCount("freezeAfter"),
    limits: limits && {
      maxConnections: limits.optionalCount("maxConnections"),
      maxConnectionsPerAddress: limits.optionalCount("maxConnectionsPerAddress"),
      maxUnauthenticated: limits.optionalCount("maxUnauthenticated"),
    },
    doveadm: doveadm && {
      url: doveadm.text("url"),
      password: doveadm.optionalText("password"),
    },
  };
  for (
    const fields of [config, listen, listenTls, upstream, upstreamTls, programs, limits, doveadm]
  ) {
    fields?.done();
  }
  for (const [command, field] of [["xexec", "programs"], ["xdoveadm", "doveadm"]] as const) {
    if (!checked.commands.includes(command) || checked[field] !== undefined) continue;
    throw new ConfigError(`"${field}" is missing, which the command "${command}" needs.`);
  }
  return checked;
}

function programOf(program: Fields): ExecProgram {
  const words = program.optionalObject("words");
  const checked = {
    argv: program.texts("argv"),
    words: words && { pattern: words.text("pattern"), max: words.optionalCount("max") ?? 1 },
    timeout: program.optionalCount("timeout"),
    maxOutput: program.optionalCount("maxOutput"),
  };
  words?.done();
  program.done();
  return checked;
}

/** The configuration with complete paths. */
function withPaths(config: RelayConfig, folder: string): RelayConfig {
  const { listen, upstream, store } = config;
  const { tls } = listen;
  const caCerts = upstream.tls?.caCerts;
  return {
    ...config,
    listen: {
      ...listen,
      tls: tls && { ...tls, cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) },
    },
    upstream: {
      ...upstream,
      tls: upstream.tls && { ...upstream.tls, caCerts: caCerts && resolve(folder, caCerts) },
    },
    store: store && storeWithPath(store, folder),
  };
}

function storeWithPath(store: string, folder: string): string {
  if (store === "memory" || isRedisUrl(store)) return store;
  const path = sqlitePath(store);
  if (path !== undefined) return `${sqlite}${resolve(folder, path)}`;
  if (!/^[a-z][\w+.-]+:\//i.test(store)) return resolve(folder, store);
  // It isn't shown, since it may have a password.
  throw new ConfigError(
    '"store" is a URL that isn\'t Redis\'s. Begin it with "redis://", "rediss://" or "unix://".',
  );
}

const sqlite = "sqlite:";

/** The path of the SQLite database that a "store" names; `undefined` for other stores. */
export function sqlitePath(store: string): string | undefined {
  return store.startsWith(sqlite) ? store.slice(sqlite.length) : undefined;
}

/** Whether a "store" is a URL of Redis. */
export function isRedisUrl(store: string): boolean {
  return /^(rediss?|unix):\/\//.test(store);
}

/** The fields of an object, each of which is taken once. */
class Fields {
  readonly #path: string;
  readonly #fields: Map<string, unknown>;
  readonly #known: string[] = [];

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const what = path === "" ? "The configuration" : `"${path}"`;
      throw new ConfigError(`${what} must be an object, { … }.`);
    }
    this.#path = path;
    this.#fields = new Map(Object.entries(value));
  }

  object(name: string): Fields {
    return this.optionalObject(name) ?? this.#fail(name, "is missing. Give an object, { … }.");
  }

  optionalObject(name: string): Fields | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : new Fields(value, this.#pathOf(name));
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#fail(name, "is missing. Give a text.");
  }

  optionalText(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    return this.#fail(name, "must be a text that isn't empty.");
  }

  port(name: string, least: number): number {
    const value = this.#take(name);
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= 65_535) {
      return value;
    }
    return this.#fail(name, `must be a number from ${least} to 65535.`);
  }

  optionalCount(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined || (Number.isSafeInteger(value) && value as number >= 1)) {
      return value as number | undefined;
    }
    return this.#fail(name, "must be a whole number from 1 on.");
  }

  optionalWord<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const value = this.#take(name);
    if (value === undefined || words.includes(value as Word)) return value as Word | undefined;
    return this.#fail(name, `must be ${words.map((word) => `"${word}"`).join(" or ")}.`);
  }

  words<Word extends string>(name: string, words: readonly Word[]): Word[] {
    const value = this.#take(name);
    if (Array.isArray(value) && value.every((word) => words.includes(word))) return value;
    return this.#fail(name, `must be a list of ${listed(words)}; an empty one is fine.`);
  }

  texts(name: string): string[] {
    const value = this.#take(name);
    const isList = Array.isArray(value) && value.every((text) => typeof text === "string");
    return isList ? value : this.#fail(name, "must be a list of texts.");
  }

  /** The names of all fields. */
  names(): string[] {
    return [...this.#fields.keys()];
  }

  /** Throws if there are other fields than those that were asked for. */
  done(): void {
    for (const name of this.#fields.keys()) {
      if (this.#known.includes(name)) continue;
      this.#fail(name, `is unknown. There are ${listed(this.#known)} here.`);
    }
  }

  #take(name: string): unknown {
    this.#known.push(name);
    return this.#fields.get(name);
  }

  #pathOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  #fail(name: string, what: string): never {
    throw new ConfigError(`"${this.#pathOf(name)}" ${what}`);
  }
}

/** `"a", "b" and "c"`. */
function listed(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`);
  const last = quoted.pop();
  return quoted.length === 0 ? last! : `${quoted.join(", ")} and ${last}`;
}
