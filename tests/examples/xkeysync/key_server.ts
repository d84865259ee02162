/**
 * A server of XKEYSYNC and XKEYADD in memory, without mail.
 *
 * @module
 */

import { xkeyCommands } from "../../../examples/xkeysync/commands.ts";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import type { PublicKey } from "../../../examples/xkeysync/public_key.ts";
import { ImapServerProtocol } from "../../../core/imap/mod.ts";
import { CommandRunner } from "../../../imap/command_runner.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { Driver, type Transport } from "../../../transports/mod.ts";
import { ScriptedEnd } from "../../imap/scripted_end.ts";

/** A connection to the server. */
export interface KeyConnection extends AsyncDisposable {
  /** The client's end. */
  readonly transport: Transport;
  /** The errors of the commands. */
  readonly errors: readonly unknown[];
  /** Resolves when all commands have ended, after the connection has. */
  readonly ended: Promise<void>;
}

/** Connects a user, who is logged in from the start. */
export function connectToKeys(
  store: KeyStore,
  { user = "alice", keepaliveInterval = 0 }: {
    readonly user?: string;
    readonly keepaliveInterval?: number;
  } = {},
): KeyConnection {
  const [near, far] = memoryPair();
  const commands = xkeyCommands(store);
  const errors: unknown[] = [];
  const protocol = new ImapServerProtocol({
    commands: commands.map(({ definition }) => definition),
    preauthenticated: user,
    keepaliveInterval,
  });
  const driver = new Driver(protocol, far, {
    mayRead: () => protocol.mayRead,
    onEvent(event) {
      if (event.type === "command" || event.type === "done") runner.take(event);
      else if (event.type === "writable" || event.type === "cancel") runner.take(event);
    },
  });
  const runner = new CommandRunner({
    commands,
    calls: protocol,
    flush: () => void driver.flush(),
    onError: (error) => void errors.push(error),
    endTimeout: 10_000,
  });
  const ended = driver.run().catch(() => {}).then(() => runner.ended());
  return {
    transport: near,
    errors,
    ended,
    async [Symbol.asyncDispose]() {
      await near.close();
      await driver.close();
      await ended;
    },
  };
}

/** A client's end of a connection that says what a test tells it to, after the greeting. */
export async function talkTo(connection: KeyConnection): Promise<ScriptedEnd> {
  const client = new ScriptedEnd(connection.transport);
  await client.line();
  return client;
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
