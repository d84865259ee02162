/**
 * Opens the client for a server, with its password, and finds out the server's version.
 *
 * @module
 */

import {
  AuthenticationError,
  connect,
  type DoveadmClient,
  DoveadmHttp,
  type DoveadmHttpOptions,
  type DoveadmLog,
  type DoveadmOptions,
} from "@dovewire/dovewire";
import { messageOf } from "@dovewire/dovewire/core";
import {
  type DovecotVersion,
  versionOf,
  versionOfList,
} from "@dovewire/dovewire/core/doveadm/catalogue";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";
import type { ServerConfig } from "./config.ts";
import { promptForSecret, secretOfCommand, secretOfEnvironment, secretOfFile } from "./secret.ts";
import type { ChosenServer } from "./server_choice.ts";
import { readSmallFile } from "./small_file.ts";

/** The most bytes of a file with CAs: systems' have some 250,000. */
const largestCa = 16 * 1_048_576;

/** Options for {@linkcode openServer}. */
export interface OpenOptions {
  /** The time limit of a command, in milliseconds. */
  readonly timeout?: number;
  /** How many connections may be open at once. */
  readonly maxConnections?: number;
  /** Called with each line of the server's log. */
  readonly onLog?: (log: DoveadmLog, server: string) => void;
  /** Aborts the password's command, and connecting. */
  readonly signal?: AbortSignal;
  /**
   * Asks for the password of a server that wants one, `undefined` if nobody is there to answer; on the
   * terminal if left out.
   */
  readonly askPassword?: (server: string) => Promise<string | undefined>;
}

/** A server that has accepted the password. */
export interface OpenServer {
  /** Its name, for messages and rows. */
  readonly name: string;
  /** The client. */
  readonly client: DoveadmClient;
  /** The server's version. */
  readonly version: DovecotVersion;
  /** Whether it is asked over HTTP, which has no log. */
  readonly isHttp: boolean;
  /** Closes the client. */
  close(): Promise<void>;
}

/** Opens a server; rejects with what `ready()` of the library's client rejects with. */
export async function openServer(server: ChosenServer, options: OpenOptions): Promise<OpenServer> {
  const clientOptions = await clientOptionsOf(server, options);
  try {
    return await tryServer(server, clientOptions, options);
  } catch (error) {
    const isMissing = error instanceof AuthenticationError &&
      clientOptions.password === undefined && clientOptions.apiKey === undefined;
    if (!isMissing) throw error;
    const { askPassword = promptForSecret } = options;
    const password = await askPassword(server.name);
    if (password === undefined) throw error;
    return await tryServer(server, { ...clientOptions, password }, options);
  }
}

async function tryServer(
  { name, url }: ChosenServer,
  clientOptions: DoveadmOptions & DoveadmHttpOptions,
  { signal }: OpenOptions,
): Promise<OpenServer> {
  let minor = 0;
  const client = connect(url, {
    ...clientOptions,
    onEvent: (event) => {
      if (event.type === "opened") minor = event.minor;
    },
  });
  try {
    const isHttp = client instanceof DoveadmHttp;
    if (!isHttp) await client.ready({ signal });
    const version = isHttp ? versionOfList(await client.commands({ signal })) : versionOf(minor);
    return { name, client, version, isHttp, close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}

async function clientOptionsOf(
  server: ChosenServer,
  { timeout, maxConnections, onLog, signal }: OpenOptions,
): Promise<DoveadmOptions & DoveadmHttpOptions> {
  const { name, apiKeyFile, ca, allowPlaintextPassword } = server;
  const password = await passwordOf(server, signal);
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(password === undefined ? {} : { password }),
    ...(apiKeyFile === undefined ? {} : { apiKey: await secretOfFile(apiKeyFile) }),
    ...(ca === undefined ? {} : { tls: { caCerts: [await readCa(ca)] } }),
    ...(allowPlaintextPassword === undefined ? {} : { allowPlaintextPassword }),
    // One command, or one for each user: a spare connection would be opened in vain.
    spares: 0,
    onLog: (log) => onLog?.(log, name),
  };
}

/** A server's password, if there is one besides that of its URL. */
async function passwordOf(
  server: ServerConfig,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { passwordFile, passwordCommand, passwordEnv } = server;
  if (passwordFile !== undefined) return await secretOfFile(passwordFile);
  if (passwordCommand !== undefined) return await secretOfCommand(passwordCommand, signal);
  if (passwordEnv !== undefined) return secretOfEnvironment(passwordEnv);
  return process.env.DOVEWIRE_PASSWORD || undefined;
}

/** The CAs in a file, as PEM; rejects with a `UsageError` if it can't be read. */
export async function readCa(path: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await readSmallFile(path, largestCa);
  } catch (error) {
    throw new UsageError(`The CAs can't be read: ${messageOf(error)}`, { cause: error });
  }
  if (text !== undefined) return text;
  throw new UsageError(`${path} has more than ${largestCa} bytes: these are no CAs.`);
}
