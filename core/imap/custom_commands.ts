/**
 * The custom commands of a conversation: at most one runs at a time.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import type { StateArchive } from "../state_archive.ts";
import { type Argument, readArguments } from "./command_arguments.ts";
import type { CommandDefinition } from "./command_definition.ts";
import type { DataLine } from "./command_frame.ts";
import type { ConversationContext } from "./conversation_context.ts";
import type { CancelReason, ResponsePart, TaggedResult } from "./conversation_events.ts";
import { checkText, continuationLine, taggedLine, untaggedLines } from "./response_lines.ts";
import type { ImapValue } from "./value.ts";

/** The built-in IDLE: nobody owns it, and it has nothing to say. */
export const idle: CommandDefinition = { name: "IDLE", isLongRunning: true };

/** A command that runs. */
interface Running {
  /** Its id in events and calls; 0 for the built-in IDLE. */
  readonly id: number;
  readonly tag: string;
  readonly definition: CommandDefinition;
  /** "done": the client ended it with DONE, and it is to be answered. */
  state: "running" | "done";
  hasContinued: boolean;
  /** Whether its owner was told to wait, and waits for the "writable" event. */
  isBlocked: boolean;
}

/** Runs the custom commands, and the built-in IDLE. */
export class CustomCommands {
  readonly #context: ConversationContext;
  readonly #table: ReadonlyMap<string, CommandDefinition>;
  readonly #onOver: () => boolean;
  readonly #onFree: () => void;
  #running: Running | undefined;
  /** The answer of the command that is over, while it may not be sent. */
  #answer: string | undefined;
  /** The latest one that its owner has finished. */
  #lastFinished = 0;

  /**
   * Creates one, with the commands by their names. `onOver` is called when a command is over, and returns whether it
   * may be answered; if not, {@linkcode answer} is to be called later. `onFree` is called when it was answered, and
   * the input is the next command's.
   */
  constructor(
    context: ConversationContext,
    { table, onOver, onFree }: {
      readonly table: ReadonlyMap<string, CommandDefinition>;
      readonly onOver: () => boolean;
      readonly onFree: () => void;
    },
  ) {
    this.#context = context;
    this.#table = table;
    this.#onOver = onOver;
    this.#onFree = onFree;
  }

  /** The id of the running command; `undefined` if none runs, or only the built-in IDLE. */
  get runningId(): number | undefined {
    return this.#running?.id || undefined;
  }

  /** Whether the client's next line belongs to the running command. */
  get takesLine(): boolean {
    return this.#running?.state === "running" && this.#running.definition.isLongRunning === true;
  }

  /** What the running command's client is told when there is nothing to say; `undefined` for nothing. */
  get keepalive(): string | undefined {
    if (!this.takesLine) return undefined;
    const { keepalive = "Still here" } = this.#running!.definition;
    return keepalive === false ? undefined : keepalive;
  }

  /** Begins a command; returns `false` where its arguments are wrong. */
  begin(tag: string, definition: CommandDefinition, values: readonly ImapValue[]): boolean {
    const { name, args: shape, isLongRunning = false } = definition;
    const args: readonly Argument[] | undefined = shape === undefined
      ? values
      : readArguments(shape, values);
    if (args === undefined) {
      this.#context.mistake({ tag, name }, "Invalid arguments");
      return false;
    }
    this.#context.forgetMistakes();
    const isOwn = definition === idle;
    const id = isOwn ? 0 : this.#context.nextId();
    const state = "running";
    this.#running = { id, tag, definition, state, hasContinued: isOwn, isBlocked: false };
    if (isLongRunning) this.#context.reader.readLine();
    if (isOwn) this.#context.output.line("+ idling");
    else {
      const session = this.#context.session.snapshot();
      this.#context.events.push({ type: "command", id, tag, name, args, session });
    }
    return true;
  }

  /** Takes the line that the client sent while the command runs: DONE, or a wrong one. */
  takeLine({ bytes, isTooLong }: DataLine): void {
    const { id, tag } = this.#running!;
    if (isTooLong || !isDone(bytes)) {
      // The line was no command, and is no more than that: it is eaten.
      this.#free({ status: "BAD", text: "Expected DONE." });
      this.#context.events.push({ type: "mistake", tag, reason: "Expected DONE" });
      if (id > 0) this.#context.events.push({ type: "cancel", id, reason: "wrong-line" });
      return;
    }
    this.#running!.state = "done";
    if (id > 0) this.#context.events.push({ type: "done", id });
    else this.#free({ status: "OK", text: "Idle completed." });
  }

  /** Tells the owner of a command that waits when there is room again; returns whether it did. */
  wake(): boolean {
    const running = this.#running;
    if (running === undefined || !running.isBlocked || this.#context.output.isFull) return false;
    running.isBlocked = false;
    this.#context.events.push({ type: "writable", id: running.id });
    return true;
  }

  /** Answers the command that is over, if its answer waits. */
  answer(): void {
    if (this.#answer === undefined) return;
    this.#context.output.line(this.#answer);
    this.#answer = undefined;
    this.#context.reader.readCommand();
    this.#onFree();
  }

  /** Drops the running command without an answer: the conversation is over. Returns its id. */
  drop(): number | undefined {
    const id = this.runningId;
    this.#running = undefined;
    if (id === undefined) return undefined;
    this.#context.events.push({
      type: "cancel",
      id,
      reason: "disconnected" satisfies CancelReason,
    });
    return id;
  }

  /** Sends an untagged response. */
  untagged(id: number, parts: readonly ResponsePart[]): boolean {
    const lines = untaggedLines(parts);
    if (this.#find(id, "untagged") === undefined) return false;
    this.#context.output.lines(lines);
    return this.isWritable(id);
  }

  /** Sends the continuation. */
  continue(id: number, text: string): boolean {
    const line = continuationLine(text);
    const running = this.#find(id, "continue");
    if (running === undefined) return false;
    const { name, isLongRunning } = running.definition;
    if (!isLongRunning || running.hasContinued) {
      throw new LocalProtocolError(
        running.hasContinued
          ? `${name} has sent its continuation already, and may send only one.`
          : `${name} can't send a continuation. Define it with "isLongRunning".`,
      );
    }
    running.hasContinued = true;
    this.#context.output.line(line);
    return this.isWritable(id);
  }

  /** Ends the running command with its result. */
  finish(id: number, result: TaggedResult): void {
    taggedLine("", result);
    if (this.#find(id, "finish") === undefined) return;
    this.#lastFinished = id;
    this.#free(result);
  }

  /** Ends the running command with NO. */
  cancel(id: number, text: string): void {
    checkText(text, "The text of a result", true);
    if (this.#find(id, "cancel") === undefined) return;
    this.#free({ status: "NO", text });
    this.#context.events.push({ type: "cancel", id, reason: "cancelled" });
  }

  /** Whether the running command may send more. */
  isWritable(id: number): boolean {
    if (id === 0 || this.#running?.id !== id) return false;
    const isWritable = !this.#context.output.isFull;
    this.#running.isBlocked ||= !isWritable;
    return isWritable;
  }

  /**
   * Passes the running command through an archive. Throws a {@linkcode LocalProtocolError} if it isn't among the
   * commands any more.
   */
  archive(state: StateArchive): void {
    const { definition, ...others } = this.#running ?? {};
    const name = state.value(definition?.name);
    const archived = state.value(others) as Omit<Running, "definition">;
    this.#running = name === undefined
      ? undefined
      : { ...archived, definition: this.#definitionOf(name, archived.id) };
    this.#lastFinished = state.value(this.#lastFinished);
    this.#answer = state.value(this.#answer);
  }

  #definitionOf(name: string, id: number): CommandDefinition {
    const definition = id === 0 ? idle : this.#table.get(name);
    if (definition !== undefined) return definition;
    throw new LocalProtocolError(
      `The connection was frozen while ${name} ran, which isn't among "commands". Add it.`,
    );
  }

  /** Ends the running command, and gives the input back to the commands when it was answered. */
  #free(result: TaggedResult): void {
    this.#answer = taggedLine(this.#running!.tag, result);
    this.#running = undefined;
    if (this.#onOver()) this.answer();
  }

  /** The running command, if it has that id; `undefined` for one that has ended otherwise than by its owner. */
  #find(id: number, call: string): Running | undefined {
    if (id > 0 && this.#running?.id === id) return this.#running;
    const isKnown = Number.isInteger(id) && id > 0 && id <= this.#context.lastId;
    if (isKnown && id !== this.#lastFinished) return undefined;
    throw new LocalProtocolError(
      isKnown
        ? `${call}(${id}) was called for a command that was finished already.`
        : `${call}() is for a running command, and there was none with the id ${String(id)}.`,
    );
  }
}

/** Whether a line ends a long-running command: DONE, in any case. */
function isDone(line: Uint8Array): boolean {
  return line.length === 4 && /^DONE$/i.test(String.fromCharCode(...line));
}
