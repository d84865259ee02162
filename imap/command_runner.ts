/**
 * Runs the handlers of a connection's custom commands.
 *
 * @module
 */

import type { CommandEvent, ConversationEvent, ImapSession } from "../core/imap/mod.ts";
import { DovewireError } from "../core/mod.ts";
import { decodePlainData, encodePlainData } from "../core/plain_data.ts";
import { startTimer, type Timer } from "../transports/timers.ts";
import { CommandWatch } from "./command_watch.ts";
import type { ImapCommand } from "./define_command.ts";
import { HandlerRun, type HandlerRunOptions } from "./handler_run.ts";
import { fromByteString, toByteString } from "../core/byte_string.ts";

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

/** The command that runs. */
interface Current {
  readonly event: CommandEvent;
  readonly command: ImapCommand;
  readonly watch: CommandWatch | undefined;
  /** Its handler; `undefined` while it sleeps. */
  run: HandlerRun | undefined;
  /** What its handler slept with; `undefined` before. */
  state: Uint8Array | undefined;
  /** When it wakes by itself, on the clock of `performance.now()`; `undefined` for never. */
  wakeAt: number | undefined;
  /** Whether the client has sent DONE. */
  isDone: boolean;
}

/** A command that sleeps, without a runner. */
export interface FrozenCommand {
  /** The command, and the state of its handler, as `toByteString()` returns them. */
  readonly stored: string;
  /** What wakes it; `undefined` for nothing, and after the way to another process. */
  readonly watch: CommandWatch | undefined;
  /** When it wakes by itself, on the clock of `performance.now()`; `undefined` for never. */
  readonly wakeAt: number | undefined;
}

/** What {@linkcode FrozenCommand.stored} has. */
interface StoredCommand {
  readonly event: Omit<CommandEvent, "session">;
  /** Who the client was when the command began; `undefined` if the connection says the same. */
  readonly own: ImapSession | undefined;
  readonly state: Uint8Array | undefined;
}

const noTimer: Timer = startTimer(Infinity, () => {});

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
  /** The handlers that haven't ended; the last one may be that of the running command. */
  readonly #runs = new Set<HandlerRun>();
  #current: Current | undefined;
  /** Until a command that sleeps wakes by itself. */
  #wakeTimer = noTimer;

  /** Creates a runner. */
  constructor(options: CommandRunnerOptions) {
    this.#options = options;
  }

  /** Takes an event of the protocol. */
  take(event: CommandRunnerEvent): void {
    if (event.type === "command") return this.#begin(event);
    const current = this.#current;
    if (current?.event.id !== event.id) return;
    if (event.type === "writable") current.run?.wake();
    else if (event.type === "cancel") {
      current.run?.cancel();
      this.#end(current);
    } else {
      current.isDone = true;
      this.#start(current);
    }
  }

  /**
   * Ends the running command with NO and that text, if `which` selects it; returns whether it did. The handler's
   * signal aborts, and nobody hears it any more.
   */
  cancel(text: string | undefined, which: (command: RunningCommand) => boolean): boolean {
    const { calls, flush, peer } = this.#options;
    const { event } = this.#current ?? {};
    if (event === undefined || event.id !== calls.running) return false;
    if (!which({ name: event.name, user: event.session.user, peer })) return false;
    calls.cancel(event.id, text);
    flush();
    return true;
  }

  /** Resolves when all handlers have ended. */
  async ended(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all([...this.#runs].map(({ ended }) => ended));
  }

  /** Whether no handler runs, so that {@linkcode freeze} is possible. */
  get mayFreeze(): boolean {
    return this.#runs.size === 0;
  }

  /** The command that sleeps, for {@linkcode thaw} of another runner; `undefined` if there is none. */
  freeze(): FrozenCommand | undefined {
    if (this.#current === undefined) return undefined;
    const { event: { session, ...event }, state, watch, wakeAt } = this.#current;
    this.#current = undefined;
    this.#wakeTimer.stop();
    watch?.whenWoken(undefined);
    // What the connection knows itself isn't kept twice.
    const own = isSame(session, this.#options.calls.session) ? undefined : session;
    return { stored: toByteString(encodePlainData({ event, own, state })), watch, wakeAt };
  }

  /** Goes on with a command that was frozen. */
  thaw({ stored, watch: known, wakeAt }: FrozenCommand): void {
    const { event: archived, own, state } = decodePlainData(
      fromByteString(stored),
    ) as StoredCommand;
    const event = { ...archived, session: own ?? this.#options.calls.session };
    const command = this.#commandOf(event);
    const watch = known ?? watchOf(command);
    const current: Current = {
      event,
      command,
      watch,
      run: undefined,
      state,
      wakeAt,
      isDone: false,
    };
    this.#current = current;
    // Something may have changed while nobody watched.
    if (known === undefined && watch !== undefined) this.#start(current);
    else this.#sleep(current);
  }

  #begin(event: CommandEvent): void {
    if (this.#runs.size >= mostEnding) return this.#refuse(event);
    const command = this.#commandOf(event);
    this.#current = {
      ...{ event, command, watch: watchOf(command) },
      ...{ run: undefined, state: undefined, wakeAt: undefined, isDone: false },
    };
    this.#start(this.#current);
  }

  #commandOf({ name }: CommandEvent): ImapCommand {
    return this.#options.commands.find(({ definition }) => definition.name === name)!;
  }

  /** Calls the handler of the running command, unless it runs. */
  #start(current: Current): void {
    if (current.run !== undefined) return current.isDone ? current.run.done() : undefined;
    const { event, command, watch, state } = current;
    this.#wakeTimer.stop();
    watch?.whenWoken(undefined);
    const onSleep = (slept: Uint8Array, wakeAfter: number) => {
      current.run = undefined;
      current.state = slept;
      current.wakeAt = wakeAfter === Infinity ? undefined : performance.now() + wakeAfter;
    };
    const run = new HandlerRun({ event, command, watch, state, onSleep }, this.#options);
    current.run = run;
    this.#runs.add(run);
    if (current.isDone) run.done();
    void run.ended.then(() => {
      this.#runs.delete(run);
      if (current.run === run) this.#end(current);
      else if (this.#current === current && current.run === undefined) this.#sleep(current);
    });
  }

  /** Lets a command sleep until it is woken. */
  #sleep(current: Current): void {
    // It came while the handler decided to sleep.
    if (current.isDone) return this.#start(current);
    const { wakeAt } = current;
    if (wakeAt !== undefined) {
      this.#wakeTimer = startTimer(wakeAt - performance.now(), () => this.#start(current));
    }
    current.watch?.whenWoken(() => this.#start(current));
  }

  /** The command has ended. */
  #end(current: Current): void {
    current.watch?.stop(this.#options.onError);
    if (this.#current !== current) return;
    this.#wakeTimer.stop();
    this.#current = undefined;
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

function isSame(one: ImapSession, other: ImapSession): boolean {
  return toByteString(encodePlainData(one)) === toByteString(encodePlainData(other));
}

function watchOf({ watch }: ImapCommand): CommandWatch | undefined {
  return watch === undefined ? undefined : new CommandWatch(watch);
}
