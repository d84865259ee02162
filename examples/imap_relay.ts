/**
 * An IMAP relay in front of an unmodified Dovecot, or another server, that adds commands of its own: XKEYSYNC
 * and XKEYADD, by which the mail clients of a user exchange public keys (examples/xkeysync/); XEXEC, which runs
 * programs that the configuration names (examples/xexec/); and XDOVEADM, which asks doveadm about the user
 * (examples/xdoveadm/). All else goes to the server and back as it is.
 *
 * Run it with a configuration file, on Deno, Node or Bun:
 *
 * ```sh
 * deno run --allow-net --allow-read --allow-write --allow-env examples/imap_relay.ts relay.json
 * node examples/imap_relay.ts relay.json
 * bun examples/imap_relay.ts relay.json
 * ```
 *
 * ```json
 * {
 *   "listen": {
 *     "hostname": "0.0.0.0", "port": 993,
 *     "tls": { "cert": "mail.example.org.pem", "key": "mail.example.org.key" }
 *   },
 *   "upstream": { "hostname": "127.0.0.1", "port": 10143 },
 *   "commands": ["xkeysync"],
 *   "doveadm": { "url": "doveadm+unix:///run/dovecot/doveadm-server" }
 * }
 * ```
 *
 * `listen.tls.starttls`, "offered" or "required", makes clients start unencrypted. `upstream.tls` encrypts the
 * connection to the server, with `"starttls": "required"` by STARTTLS; "caCerts" and "serverName" are optional.
 * "store" is "memory"; "sqlite:PATH" or a URL of Redis, for several relays; or the path of a module with an
 * `openKeyStore()`. "programs" has those of XEXEC; Deno needs `--allow-run` for it. "freezeAfter" makes
 * connections in which nothing happened for that many milliseconds take less memory. "limits" may have
 * "maxConnections", "maxConnectionsPerAddress" and "maxUnauthenticated". "doveadm" is asked for the users'
 * names, since Dovecot may log `ALICE` in as `alice`; without it, or with a passdb that renames users, a user's
 * keys are those of the name that the client logged in with.
 *
 * Put the relay's address into Dovecot's `login_trusted_networks`, so that its log, its limits and its
 * delays go by the clients' addresses. SIGTERM and SIGINT stop the relay as soon as no command runs.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { type ImapRelay, serveRelay } from "../imap/relay/mod.ts";
import { connect, DovewireError } from "../mod.ts";
import { connect as connectTransport, listen, type TlsOptions } from "../transports/mod.ts";
import {
  ConfigError,
  type DoveadmConfig,
  readConfig,
  type RelayConfig,
} from "./imap_relay/config.ts";
import { openCommands } from "./imap_relay/open_commands.ts";
import type { KeyStore } from "./xkeysync/key_store.ts";

/** Options for {@linkcode startRelay}. */
export interface StartRelayOptions {
  /** Called with each error; `peer` is the client that it is about, or "store". */
  readonly onError?: (error: unknown, peer: string) => void;
  /** The users' keys, instead of the configuration's store. */
  readonly store?: KeyStore;
}

/** Starts a relay. Rejects with an error that says what is wrong. */
export async function startRelay(
  config: RelayConfig,
  { onError, store }: StartRelayOptions = {},
): Promise<ImapRelay> {
  const { listen: place, upstream, doveadm, freezeAfter, limits } = config;
  const { hostname, port } = upstream;
  if (doveadm !== undefined) await checkDoveadm(doveadm);
  const ownTls = place.tls && await readCertificate(place.tls);
  const upstreamTls = upstream.tls && await readTrust(upstream);
  const startsWithTls = ownTls !== undefined && place.tls?.starttls === undefined;
  const byStartTls = upstream.tls?.starttls !== undefined;
  const { commands, close } = await openCommands(config, {
    store,
    onError: (error) => onError?.(error, "store"),
  });
  const options = {
    connect: ({ signal }: { readonly signal: AbortSignal }) =>
      connectTransport({ transport: "tcp", hostname, port }, {
        signal,
        ...(byStartTls || upstreamTls === undefined ? {} : { tls: upstreamTls }),
      }),
    commands,
    freezeAfter,
    ...limits,
    resolveUser: doveadm &&
      ((login: { readonly user: string }) => nameOf(login.user, doveadm)),
    isSecure: startsWithTls,
    allowsPlaintext: place.tls?.starttls !== "required",
    ...(startsWithTls || ownTls === undefined ? {} : { startTls: ownTls }),
    ...(byStartTls ? { upstreamStartTls: upstreamTls } : {}),
    onError: (error: unknown, client: { readonly peer: string }) => onError?.(error, client.peer),
  };
  try {
    const listener = await listen(
      { transport: "tcp", hostname: place.hostname, port: place.port },
      startsWithTls ? { tls: ownTls } : {},
    );
    const relay = serveRelay(listener, options);
    void relay.finished.then(close);
    return relay;
  } catch (error) {
    await close();
    throw error;
  }
}

async function readCertificate(
  { cert, key }: { readonly cert: string; readonly key: string },
): Promise<TlsOptions> {
  return {
    cert: await readPem(cert, "listen.tls.cert"),
    key: await readPem(key, "listen.tls.key"),
    alpnProtocols: ["imap"],
  };
}

async function readTrust({ hostname, tls }: RelayConfig["upstream"]): Promise<TlsOptions> {
  const { caCerts, serverName = hostname } = tls!;
  return {
    serverName,
    ...(caCerts === undefined ? {} : { caCerts: [await readPem(caCerts, "upstream.tls.caCerts")] }),
  };
}

async function readPem(path: string, field: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError(`The file of "${field}" can't be read: ${(error as Error).message}`);
  }
}

/** Checks the address, which would otherwise show only when a user logs in. Nothing connects to it yet. */
async function checkDoveadm({ url, password }: DoveadmConfig): Promise<void> {
  try {
    await connect(url, { password }).close();
  } catch (error) {
    throw new ConfigError(`"doveadm.url" can't be used: ${(error as Error).message}`);
  }
}

/** Dovecot's own name for a user. Rejects for one that it doesn't know. */
async function nameOf(user: string, { url, password }: DoveadmConfig): Promise<string> {
  await using doveadm = connect(url, { password });
  const rows = await doveadm.run("user", { userMask: [user] });
  // A name with "*" or "?" stands for others here.
  const found = rows.find(({ username }) => username === user);
  if (found === undefined) throw new DovewireError(`Dovecot's doveadm knows no user ${user}.`);
  return typeof found.user === "string" ? found.user : user;
}

/** Runs the program. */
async function main([path]: readonly string[]): Promise<void> {
  if (path === undefined) {
    throw new ConfigError("The configuration is missing. Give the path of a JSON file.");
  }
  const relay = await startRelay(await readConfig(path), {
    onError: (error, peer) => console.error(`${peer}: ${messageOf(error)}`),
  });
  // A second signal ends it at once.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void relay.close());
  }
  console.log("The relay listens at", relay.address);
  await relay.finished;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof DovewireError)) throw error;
    console.error(error.message);
    process.exitCode = error instanceof ConfigError ? 78 : 1;
  }
}
