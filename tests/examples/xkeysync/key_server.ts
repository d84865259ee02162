/**
 * A server with XKEYSYNC and XKEYADD in memory, without mail, and what it says.
 *
 * @module
 */

import { xkeyCommands } from "../../../examples/xkeysync/commands.ts";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import type { PublicKey } from "../../../examples/xkeysync/public_key.ts";
import {
  type CommandConnection,
  type ConnectOptions,
  connectToCommands,
} from "../command_server.ts";

export { talkTo } from "../command_server.ts";

/** Connects a user to a server that has that store. */
export function connectToKeys(store: KeyStore, options?: ConnectOptions): CommandConnection {
  return connectToCommands(xkeyCommands(store), options);
}

/** What a client is told of a key that is new to it. */
export function created({ pem }: PublicKey): string {
  return `* XKEYSYNC CREATED {${pem.length}}\r\n${pem}\r\n`;
}

/** What a client is told of a key that is gone. */
export function deleted(fingerprint: string): string {
  return `* XKEYSYNC DELETED ${fingerprint}\r\n`;
}

/** The end of a group of changes. */
export const end = "* XKEYSYNC OK\r\n";
