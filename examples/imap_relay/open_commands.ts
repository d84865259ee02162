/**
 * The custom commands of the relay's configuration, with what they need.
 *
 * @module
 */

import type { ImapCommand } from "../../imap/mod.ts";
import { xkeyCommands } from "../xkeysync/commands.ts";
import type { KeyStore } from "../xkeysync/key_store.ts";
import type { RelayConfig } from "./config.ts";
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

/** Opens what the commands need. Rejects with a `ConfigError`. */
export async function openCommands(
  config: RelayConfig,
  { store, onError }: OpenCommandsOptions,
): Promise<OpenCommands> {
  const needsStore = config.commands.includes("xkeysync");
  const opened = needsStore && store === undefined
    ? await openStore(config.store ?? "memory", { onError })
    : undefined;
  const keys = opened ?? store;
  return {
    commands: needsStore ? xkeyCommands(keys!) : [],
    async close() {
      await opened?.close?.();
    },
  };
}
