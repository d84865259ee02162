/**
 * The custom commands of the relay's configuration, with what they need.
 *
 * @module
 */

import { stat } from "node:fs/promises";
import type { ImapCommand } from "../../imap/mod.ts";
import { connect, type DoveadmClient } from "../../mod.ts";
import { xdoveadm } from "../xdoveadm/command.ts";
import { type ExecProgram, xexec } from "../xexec/command.ts";
import { xkeyCommands } from "../xkeysync/commands.ts";
import type { KeyStore } from "../xkeysync/key_store.ts";
import { ConfigError, type RelayConfig } from "./config.ts";
import { openStore } from "./open_store.ts";

/** Options for {@linkcode openCommands}. */
export interface OpenCommandsOptions {
  /** The users' keys, instead of the configuration's store; the caller closes it. */
  readonly store?: KeyStore;
  /** Called when the store stops working. */
  readonly onError: (error: unknown) => void;
}

/** Commands, until they are closed. */
export interface OpenCommands {
  readonly commands: readonly ImapCommand[];
  /** Frees what they need. */
  close(): Promise<void>;
}

/** Opens what the commands need. Rejects with a {@linkcode ConfigError}. */
export async function openCommands(
  { commands, programs, doveadm, store: configured = "memory" }: RelayConfig,
  { store, onError }: OpenCommandsOptions,
): Promise<OpenCommands> {
  const all: ImapCommand[] = [];
  let opened: KeyStore | undefined;
  let client: DoveadmClient | undefined;
  if (commands.includes("xexec")) all.push(await programCommand(programs!));
  if (commands.includes("xkeysync")) {
    if (store === undefined) opened = await openStore(configured, { onError });
    all.push(...xkeyCommands(store ?? opened!));
  }
  if (commands.includes("xdoveadm")) {
    client = connect(doveadm!.url, { password: doveadm!.password });
    all.push(xdoveadm(client));
  }
  return {
    commands: all,
    async close() {
      await opened?.close?.();
      await client?.close();
    },
  };
}

async function programCommand(
  programs: Readonly<Record<string, ExecProgram>>,
): Promise<ImapCommand> {
  try {
    const command = xexec(programs);
    for (const { argv: [path] } of Object.values(programs)) {
      const { mode } = await stat(path);
      if ((mode & 0o111) === 0) throw new Error(`${path} is not executable.`);
    }
    return command;
  } catch (error) {
    throw new ConfigError(`"programs" can't be used: ${(error as Error).message}`);
  }
}
