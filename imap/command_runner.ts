/**
 * Runs the handlers of a connection's custom commands.
 *
 * @module
 */

import type { CommandEvent, ConversationEvent } from "../core/imap/mod.ts";
import { DovewireError } from "../core/mod.ts";
import type { ImapCommand } from "./define_command.ts";
import { HandlerRun, type HandlerRunOptions } from "./handler_run.ts";

/** A custom command that runs. */
export interface RunningCommand {
  /** Its name, in capital letters. */
  readonly name: string;
  /** The user's name; `undefined` before the login. */
  readonly user: string | undefined;
  /** The client, for messages: "tcp 192.0.2.1:4711". */
  readonly peer: string;
}

/** Options for a {@linkcode CommandRunner}. */
export interface CommandRunnerOptions extends HandlerRunOptions {
  /** The commands. */
  readonly commands: readonly ImapCommand[];
  /** The client, for messages. */
  readonly peer: string;
}

/** An event that is about a custom command. */
export type CommandRunnerEvent = Extract<
  ConversationEvent,
  { readonly type: "command" | "done" | "writable" | "cancel" }
>;

/** How many handlers of one connection may still be ending after their commands. */
const mostEnding = 8;

/**
 * Runs the handlers of one connection: pass it the events of the connection's protocol.
 *
 * Each command is ended once, whoever is first: its handler, its client, or the protocol. A handler that goes on
 * afterwards is heard no more.
 */
export class CommandRunner {
  readonly #options: CommandRunnerOptions;
  readonly #commands: ReadonlyMap<string, ImapCommand>;
  /** The handlers that haven't ended; the last one may be that of the running command. */
  readonly #runs = new Set<HandlerRun>();
  #current: HandlerRun | undefined;
  /** What {@linkcode #current} runs. */
  #command: RunningCommand | undefined;

  /** Creates a runner. */
  constructor(options: CommandRunnerOptions) {
    this.#options = options;
    this.#commands = new Map(options.commands.map((command) => [command.definition.name, command]));
  }

  /** Takes an event of the protocol. */
  take(event: CommandRunnerEvent): void {
    if (event.type === "command") return this.#begin(event);
    if (this.#current?.id !== event.id) return;
    if (event.type === "done") this.#current.done();
    else if (event.type === "writable") this.#current.wake();
    else this.#current.cancel();
  }

  /**
   * Ends the running command with NO and that text, if `which` selects it; returns whether it did. The handler's
   * signal aborts, and nobody hears it any more.
   */
  cancel(text: string | undefined, which: (command: RunningCommand) => boolean): boolean {
    const { calls, flush } = this.#options;
    const { running } = calls;
    if (running === undefined || this.#current?.id !== running || !which(this.#command!)) {
      return false;
    }
    calls.cancel(running, text);
    flush();
    return true;
  }

  /** Resolves when all handlers have ended. */
  async ended(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all([...this.#runs].map(({ ended }) => ended));
  }

  #begin(event: CommandEvent): void {
    const { id, name, session } = event;
    if (this.#runs.size >= mostEnding) return this.#refuse(event);
    const run = new HandlerRun(event, this.#commands.get(name)!, this.#options);
    this.#current = run;
    this.#command = { name, user: session.user, peer: this.#options.peer };
    this.#runs.add(run);
    void run.ended.then(() => {
      this.#runs.delete(run);
      if (this.#current?.id === id) this.#current = undefined;
    });
  }

  /** Refuses a command since a client could otherwise start any number of handlers that don't end. */
  #refuse({ id, name }: CommandEvent): void {
    const { calls, flush, onError } = this.#options;
    calls.finish(id, { status: "NO", code: "LIMIT", text: "Earlier commands haven't ended yet." });
    flush();
    onError(
      new DovewireError(
        `${name} wasn't run: ${mostEnding} handlers of this client's earlier commands haven't ended. Let all that ` +
          'they wait for end with their "signal".',
      ),
    );
  }
}
