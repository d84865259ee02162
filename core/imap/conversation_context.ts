/**
 * What the parts of a conversation share.
 *
 * @module
 */

import { Queue } from "../queue.ts";
import { archiveItems, type StateArchive } from "../state_archive.ts";
import type { CommandDefinition } from "./command_definition.ts";
import { CommandReader } from "./command_reader.ts";
import type { ConversationEvent, TaggedResult } from "./conversation_events.ts";
import {
  completeLimits,
  type ConversationLimits,
  type ConversationOptions,
  limitsBeforeLogin,
} from "./conversation_options.ts";
import { ConversationOutput } from "./conversation_output.ts";
import { taggedLine } from "./response_lines.ts";
import { ClientSession } from "./session.ts";

/** How many mistakes in a row end the conversation, as with Dovecot. */
const mostMistakes = { beforeLogin: 3, afterLogin: 20 };

/** How many characters of a command's name an answer repeats. */
const nameLength = 100;

/** A command's tag and name, as far as they are known. */
export interface CommandWords {
  /** The client's tag. */
  readonly tag: string | undefined;
  /** The command's name, in capital letters. */
  readonly name: string | undefined;
}

/** What the parts of a conversation share: its input, its output, its events, and who the client is. */
export class ConversationContext {
  /** The limits. */
  readonly limits: ConversationLimits;
  /** What the client sends. */
  readonly reader: CommandReader;
  /** What the client is sent. */
  readonly output: ConversationOutput;
  /** What the caller is to learn. */
  readonly events: Queue<ConversationEvent> = new Queue<ConversationEvent>();
  /** Who the client is. */
  readonly session: ClientSession;
  /** Ends the conversation with BYE. */
  readonly close: (text: string) => void;
  /** Mistakes since the last command that was none. */
  #mistakes = 0;
  #lastId = 0;

  /** Creates it; throws a {@linkcode LocalProtocolError} for invalid limits. */
  constructor(
    options: ConversationOptions,
    commands: ReadonlyMap<string, CommandDefinition>,
    close: (text: string) => void,
  ) {
    this.limits = completeLimits(options.limits);
    this.reader = new CommandReader(limitsBeforeLogin(this.limits));
    this.output = new ConversationOutput(this.limits.output);
    this.session = new ClientSession({
      commands: [...commands.values()],
      isSecure: options.isSecure ?? false,
      startTls: options.startTls ?? false,
      allowsPlaintext: options.allowsPlaintext ?? true,
    });
    this.close = close;
  }

  /** The id of the latest login or command. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The id for another login or command. */
  nextId(): number {
    return ++this.#lastId;
  }

  /** Answers a command that was right, whatever came of it. */
  answer(tag: string, result: TaggedResult): void {
    this.#mistakes = 0;
    this.output.line(taggedLine(tag, result));
  }

  /** Forgets the mistakes so far: a command was right, or the client may be another one. */
  forgetMistakes(): void {
    this.#mistakes = 0;
  }

  /** Answers BAD, and ends the conversation after too many of them. */
  mistake({ tag, name }: CommandWords, reason: string): void {
    this.events.push({ type: "mistake", tag, reason });
    const isBeforeLogin = this.session.user === undefined;
    const most = isBeforeLogin ? mostMistakes.beforeLogin : mostMistakes.afterLogin;
    const isLast = ++this.#mistakes >= most;
    const text = isBeforeLogin ? "command received by server" : whatIsWrong({ tag, name }, reason);
    // Before the login the goodbye stands in place of the last answer.
    if (!isBeforeLogin || !isLast) this.output.line(`${tag ?? "*"} BAD Error in IMAP ${text}.`);
    if (isLast) this.close("Too many invalid IMAP commands.");
  }

  /** Passes all of it through an archive, for a client that is logged in. */
  archive(state: StateArchive): void {
    state.part(this.session);
    this.reader.setLimits(this.limits);
    state.part(this.reader);
    state.part(this.output);
    archiveItems(state, this.events);
    this.#mistakes = state.value(this.#mistakes);
    this.#lastId = state.value(this.#lastId);
  }

  /** Notes who has logged in. */
  loggedIn(user: string): void {
    this.session.user = user;
    this.#mistakes = 0;
    this.reader.setLimits(this.limits);
  }
}

function whatIsWrong({ tag, name }: CommandWords, reason: string): string {
  if (tag === undefined) return `tag: ${reason}`;
  return name === undefined
    ? `command: ${reason}`
    : `command ${name.slice(0, nameLength)}: ${reason}`;
}
