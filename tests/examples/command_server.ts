/**
 * A server with custom commands in memory, without mail, whose users are logged in from the start.
 *
 * @module
 */

import { ImapServerProtocol } from "../../core/imap/mod.ts";
import { CommandRunner } from "../../imap/command_runner.ts";
import type { ImapCommand } from "../../imap/mod.ts";
import { memoryPair } from "../../transports/memory.ts";
import { Driver, type Transport } from "../../transports/mod.ts";
import { ScriptedEnd } from "../imap/scripted_end.ts";

/** A connection to the server. */
export interface CommandConnection extends AsyncDisposable {
  /** The client's end. */
  readonly transport: Transport;
  /** The errors of the commands. */
  readonly errors: readonly unknown[];
  /** Resolves when all commands have ended, after the connection has. */
  readonly ended: Promise<void>;
}

/** Options for {@linkcode connectToCommands}. */
export interface ConnectOptions {
  /** The user; alice if left out. */
  readonly user?: string;
  /** When the client hears that a command still runs, in milliseconds; 0, which means never, if left out. */
  readonly keepaliveInterval?: number;
}

/** Connects a user to a server with those commands. */
export function connectToCommands(
  commands: readonly ImapCommand[],
  { user = "alice", keepaliveInterval = 0 }: ConnectOptions = {},
): CommandConnection {
  const [near, far] = memoryPair();
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
    peer: "memory",
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
export async function talkTo(connection: CommandConnection): Promise<ScriptedEnd> {
  const client = new ScriptedEnd(connection.transport);
  await client.line();
  return client;
}
