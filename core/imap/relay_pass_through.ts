/**
 * A relay's way for a client's commands after the login.
 *
 * @module
 */

import { concat, encodeUtf8, GatheredBytes, type OutputQueue } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import type { StateArchive } from "../state_archive.ts";
import { AppendGrammar } from "./append_grammar.ts";
import type { Conversation } from "./conversation.ts";
import { readClientId } from "./id_command.ts";
import type {
  PassDecision,
  PassedLine,
  PassedLiteral,
  PassNext,
  PassThrough,
} from "./pass_through.ts";
import {
  isPassed,
  isTextAfter,
  maySkipLine,
  selectsMailbox,
  takesLiterals,
} from "./relay_commands.ts";
import type { StatusFrame } from "./response_reader.ts";
import type { UpstreamCheck } from "./upstream_check.ts";
import type { UpstreamIdle } from "./upstream_idle.ts";
import { astringOf, type ImapValue } from "./value.ts";

/** What a {@linkcode RelayPassThrough} needs. */
export interface RelayPassThroughOptions {
  /** Takes what goes to the server. */
  readonly output: OutputQueue;
  /** What keeps the server company while a custom command runs. */
  readonly idle: UpstreamIdle;
  /** What makes sure that the server reads commands again after it has refused a literal. */
  readonly check: UpstreamCheck;
  /** Whether a tag is of the relay's own form. */
  readonly isOwnTag: (tag: string) => boolean;
  /** How many commands the server may have to answer at a time. */
  readonly maxOpenCommands: number;
  /**
   * Called when the client sends no more, and all that it sent is on its way. Returns whether the
   * conversation goes on for the server's answers.
   */
  readonly onInputEnd: () => boolean;
}

/** A command that is being passed on, or waits for its answer. */
interface PassedCommand {
  readonly tag: string;
  readonly name: string;
  /** The mailbox that it selects; `undefined` if none, or if its name is invalid. */
  mailbox: string | undefined;
  /** "new": nothing of it was sent; "sent": in part or whole; "answered" by the server. */
  state: "new" | "sent" | "answered";
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** The end of an IDLE: the only line that is sent while one runs. */
const done = encodeUtf8("DONE\r\n");
const lineEnd = encodeUtf8("\r\n");
/**
 * What ends a command of which some was sent already: wrong in every grammar, whatever stands before it, and in
 * one line, so that the server reads a command after it.
 */
const wrongEnd = encodeUtf8(" )(\r\n");
/**
 * The same for APPEND and REPLACE: Dovecot takes what is behind a parenthesis that is wrong there for the next
 * command.
 */
const wrongAppendEnd = encodeUtf8(" x\r\n");
/**
 * The same within CATENATE's parentheses: behind a URL that is a literal, Dovecot reads an end of the line as another,
 * empty command if they are open.
 */
const wrongPartsEnd = encodeUtf8(") x\r\n");

/**
 * Passes a client's commands on, so that the server takes for data what the relay took for data, and nothing else.
 *
 * Lines are sent only when they are whole and right. Each literal is announced as a synchronising one, and its
 * data are sent when the server asks for them; if it refuses it, they are dropped, and where servers may skip a line
 * after that, the next command waits until it is known that the server reads one. Only one thing at a time waits for
 * a continuation: nothing more is read from the client until it has come. While an IDLE runs, nothing but DONE is
 * sent.
 *
 * A string goes up without its line ends, and makes its command wrong if it has any: Dovecot repeats some strings in
 * its answers as they are, where a line of the client's would be read as the server's, as a continuation for instance.
 */
export class RelayPassThrough implements PassThrough {
  /**
   * "between" commands; "line": the current command's line comes; "literal": its literal was announced to the
   * server; "data": its literal's data come; "idle-sent": an IDLE waits for its continuation; "idling": it waits
   * for the client's line; "idle-ending": DONE was sent; "logout": LOGOUT was sent.
   */
  #state:
    | "between"
    | "line"
    | "literal"
    | "data"
    | "idle-sent"
    | "idling"
    | "idle-ending"
    | "logout" = "between";
  readonly #options: RelayPassThroughOptions;
  #conversation: Conversation | undefined;
  #current: PassedCommand = { tag: "", name: "", mailbox: undefined, state: "answered" };
  /** Commands that the server hasn't answered, by their tags. */
  #open = new Map<string, PassedCommand>();
  #line = new GatheredBytes();
  /** Follows the arguments of an APPEND or a REPLACE; "unknown" before the end of the first line. */
  #append: AppendGrammar | "unknown" | undefined;
  /** How much of the literal's data is to come. */
  #left = 0;
  /** Whether the latest string of the current command is a text of several lines; `undefined` before the first. */
  #isText: boolean | undefined;
  /** Whether the literal is a string without line ends. */
  #isOneLine = false;
  /** Whether such a string of the current command had one, which makes the command wrong. */
  #hasLineEnd = false;
  /** Whether the client ended its IDLE with another line than DONE. */
  #isWrongLine = false;
  /** Whether a mailbox is selected. */
  #isSelected = false;
  /** Whether further commands wait for the end. */
  #isClosing = false;

  /** Creates one; {@linkcode attach} it before its use. */
  constructor(options: RelayPassThroughOptions) {
    this.#options = options;
  }

  /** Sets the conversation with the client. */
  attach(conversation: Conversation): void {
    this.#conversation = conversation;
  }

  /** How many commands wait for the server's answer, one of the relay's own included. */
  get openCommands(): number {
    return this.#open.size + (this.#options.check.isOn ? 1 : 0);
  }

  /** Whether a command of that name waits for the server's answer. */
  awaits(name: string): boolean {
    return [...this.#open.values()].some((command) => command.name === name);
  }

  /** Whether nothing is lost if the conversation ends now: no command waits, or only an IDLE. */
  get isQuiet(): boolean {
    return this.#state === "idling" ? this.#open.size === 1 : this.#open.size === 0;
  }

  /** Lets no further command begin. */
  close(): void {
    this.#isClosing = true;
  }

  /**
   * Ends the relay's own IDLE. While a mailbox is selected, what that still tells, of messages that were expunged for
   * instance, goes before the answer: the client counts them by it in its next command (RFC 9051, 7.5.1).
   */
  commandOver(): boolean {
    return this.#options.idle.stop() || !this.#isSelected;
  }

  /** Decides on a command. */
  begin({ tag, name }: { readonly tag: string; readonly name: string }): PassDecision {
    // Dovecot 2.3 takes no tag with a bracket, and answers such a command with another one.
    if (!isPassed(name) || this.#options.isOwnTag(tag) || tag.includes("]")) return "refuse";
    // Two open commands of one tag could take each other's answers.
    const mustWait = this.#isClosing || this.#state !== "between" || this.#open.has(tag) ||
      this.#options.check.isOn || this.#open.size >= this.#options.maxOpenCommands;
    if (mustWait || !this.#options.idle.stop()) return "hold";
    this.#current = { tag, name, mailbox: undefined, state: "new" };
    this.#append = "unknown";
    this.#isText = undefined;
    this.#hasLineEnd = false;
    this.#state = "line";
    return selectsMailbox(name) || name === "ID" ? "pass-collecting" : "pass";
  }

  /** Keeps a part of the current line. */
  text(bytes: Uint8Array): void {
    this.#line.push(bytes, 0, bytes.length);
  }

  /** Announces a literal to the server, or refuses it. */
  literal({ size, isBinary }: PassedLiteral): void {
    const command = this.#current;
    const line = this.#takeLine();
    if (command.state === "answered") return this.#drop();
    if (!takesLiterals(command.name)) return this.#drop("Unexpected literal");
    const grammar = this.#grammar;
    const kind = grammar === undefined ? "string" : grammar.literal();
    if (kind === undefined || this.#hasLineEnd) {
      const isSent = command.state === "sent";
      if (isSent) this.#sendWrongEnd();
      return this.#drop(isSent ? undefined : "Invalid arguments");
    }
    this.#send(command, line, encodeUtf8(`${isBinary ? "~" : ""}{${size}}\r\n`));
    this.#left = size;
    this.#isText = isTextAfter(line, this.#isText);
    this.#isOneLine = kind === "string" && !this.#isText;
    this.#state = "literal";
  }

  /** Sends a piece of a literal's data. */
  data(bytes: Uint8Array): void {
    if (this.#isOneLine && bytes.some(isLineEnd)) {
      this.#hasLineEnd = true;
      this.#options.output.push(bytes.map((byte) => isLineEnd(byte) ? SPACE : byte));
    } else this.#options.output.push(bytes);
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.#state = "line";
    if (this.#current.state === "answered") this.#options.output.push(lineEnd);
  }

  /** Sends the last line of a command. */
  end(args: readonly ImapValue[]): PassNext {
    const command = this.#current;
    const line = this.#takeLine();
    this.#state = "between";
    if (command.state === "answered") return "next";
    if (this.#grammar?.isComplete === false || this.#hasLineEnd) {
      if (command.state === "new") return "refuse";
      this.#sendWrongEnd();
      return "next";
    }
    if (selectsMailbox(command.name)) command.mailbox = astringOf(args[0]);
    if (command.name === "ID") this.#noteClientId(args);
    this.#send(command, withLineEnd(line));
    if (command.name === "IDLE") this.#state = "idle-sent";
    else if (command.name === "LOGOUT") this.#state = "logout";
    else return "next";
    return "hold";
  }

  /** Ends a command that is wrong from here on; returns whether the server answers it. */
  bad(_reason: string): boolean {
    this.#line.take();
    this.#state = "between";
    const { state } = this.#current;
    if (state === "sent") this.#sendWrongEnd();
    return state !== "new";
  }

  /** Takes the line that ends an IDLE. Whatever it is, DONE is sent. */
  line({ bytes, isTooLong }: PassedLine): PassNext {
    this.#isWrongLine = isTooLong || !isDone(bytes);
    this.#options.output.push(done);
    this.#state = "idle-ending";
    return "hold";
  }

  /** The client sends no more; returns whether the server's last answers are awaited. */
  inputEnd(): boolean {
    this.#isClosing = true;
    const isAwaited = this.#options.onInputEnd();
    // Nothing more comes of a command that it broke off, and nothing goes to the server: it has no line to end.
    if (this.#state === "line") this.#state = "between";
    return isAwaited;
  }

  /** Takes a continuation of the server. */
  continue(frame: StatusFrame): void {
    const conversation = this.#conversation!;
    if (this.#state === "literal") {
      this.#state = "data";
      conversation.literalGranted();
    } else if (this.#state === "idle-sent") {
      this.#state = "idling";
      conversation.sendRaw(frame.bytes, true);
      conversation.readLine();
    } else if (!this.#options.idle.continue()) {
      throw new RemoteProtocolError(
        `The server asked to go on, where nothing waits for it: ${quoteText(frame.text)}.`,
      );
    }
  }

  /** Takes the server's answer to a command; `bytes` are what the client gets of it. */
  answer(frame: StatusFrame, bytes: Uint8Array): void {
    const { tag = "", name } = frame;
    const command = this.#open.get(tag);
    if (command === undefined) {
      throw new RemoteProtocolError(
        `The server answered a command ${
          quoteText(tag)
        }, which wasn't sent or has its answer already.`,
      );
    }
    this.#open.delete(tag);
    command.state = "answered";
    const conversation = this.#conversation!;
    if (this.#isWrongLine && this.#state === "idle-ending" && command === this.#current) {
      conversation.sendRaw(encodeUtf8(`${tag} BAD Expected DONE.\r\n`), true);
    } else {
      conversation.sendRaw(bytes, true);
    }
    this.#select(command, name);
    if (command === this.#current) this.#currentAnswered(name);
    this.resume();
  }

  /** Lets the next command begin, if nothing else is awaited from the client. */
  resume(): void {
    if (this.#state === "between") this.#conversation!.resume();
  }

  /** Passes what goes to the server, and what waits for its answers, through an archive. */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    this.#open = state.value(this.#open);
    const current = state.value(this.#current);
    // It is the same object if it waits for its answer.
    const isOpen = state.value(this.#open.get(current.tag) === this.#current);
    this.#current = isOpen ? this.#open.get(current.tag)! : current;
    state.part(this.#line);
    const grammar = state.optional(this.#grammar, () => AppendGrammar.blank());
    this.#append = state.value(this.#append === "unknown") ? "unknown" : grammar;
    this.#left = state.value(this.#left);
    this.#isText = state.value(this.#isText);
    this.#isOneLine = state.value(this.#isOneLine);
    this.#hasLineEnd = state.value(this.#hasLineEnd);
    this.#isWrongLine = state.value(this.#isWrongLine);
    this.#isSelected = state.value(this.#isSelected);
    this.#isClosing = state.value(this.#isClosing);
  }

  /** The current command has its answer: goes on as far as it waited for that. */
  #currentAnswered(status: string): void {
    switch (this.#state) {
      case "literal":
        // It is refused, or the server has answered without a look at it.
        if (this.#mayHaveSkipped && !this.#isClosing) this.#options.check.start();
        this.#drop();
        break;
      case "line":
        // The answer came between a literal and the command's end: the server still reads that. The rest of
        // what the client sends for it is dropped, as it no longer means anything.
        this.#options.output.push(lineEnd);
        break;
      case "idle-sent":
      case "idling":
      case "idle-ending":
        this.#state = "between";
        this.#isWrongLine = false;
        break;
      case "logout":
        if (status !== "OK") this.#state = "between";
        break;
    }
  }

  /** Notes what the client says by ID, unless the server is going to find it wrong. */
  #noteClientId(args: readonly ImapValue[]): void {
    const id = readClientId(args);
    if (id !== undefined) this.#conversation!.setClientId(id.fields);
  }

  #select({ name, mailbox }: PassedCommand, status: string): void {
    if (selectsMailbox(name) && status !== "BAD") {
      // Also a failed one leaves the mailbox that was selected before (RFC 9051, 6.3.2).
      this.#isSelected = status === "OK";
    } else if ((name === "CLOSE" || name === "UNSELECT") && status === "OK") {
      this.#isSelected = false;
    } else return;
    this.#conversation!.select(this.#isSelected ? mailbox : undefined);
  }

  /** Whether the server, which has refused the current command's literal, may not read the next line as a command. */
  get #mayHaveSkipped(): boolean {
    return maySkipLine(this.#current.name) || this.#grammar?.isInParts === true;
  }

  get #grammar(): AppendGrammar | undefined {
    return this.#append === "unknown" ? undefined : this.#append;
  }

  /** Takes the line that has come, up to a literal's marker or its end. */
  #takeLine(): Uint8Array {
    const line = this.#line.take();
    if (this.#append === "unknown") this.#append = AppendGrammar.of(this.#current.name, line);
    this.#append?.line(line);
    return line;
  }

  /** Drops the announced literal and the rest of its command, with an answer of the relay's own if it has none. */
  #drop(reason?: string): void {
    this.#state = "between";
    this.#conversation!.literalRefused(reason);
  }

  #sendWrongEnd(): void {
    const grammar = this.#grammar;
    const appendEnd = grammar?.isInParts ? wrongPartsEnd : wrongAppendEnd;
    this.#options.output.push(grammar === undefined ? wrongEnd : appendEnd);
  }

  #send(command: PassedCommand, ...pieces: Uint8Array[]): void {
    for (const piece of pieces) this.#options.output.push(piece);
    if (command.state === "sent") return;
    command.state = "sent";
    this.#open.set(command.tag, command);
  }
}

/** A line that ends in CRLF, whatever the client ended it with: every server sees the same end. */
function withLineEnd(line: Uint8Array): Uint8Array {
  const end = line.length - 1;
  return line[end - 1] === CR ? line : concat([line.subarray(0, end), lineEnd]);
}

function isLineEnd(byte: number): boolean {
  return byte === LF || byte === CR;
}

/** Whether a line is DONE, in any case of its letters. */
function isDone(bytes: Uint8Array): boolean {
  return bytes.length === done.length - 2 && bytes.every((byte, at) => (byte & 0xdf) === done[at]);
}
