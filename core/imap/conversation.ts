/**
 * A client's conversation with an IMAP server: all that a server says by itself.
 *
 * Source: RFC 9051, 3501 and 7888; texts and limits as Dovecot's.
 *
 * @module
 */

import { plainBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import type { Protocol } from "../protocol.ts";
import type { StateArchive } from "../state_archive.ts";
import { checkCapabilities } from "./advertised.ts";
import { writeServerId } from "./id_command.ts";
import { ConversationTimers } from "./conversation_timers.ts";
import { commandTable } from "./command_definition.ts";
import { type AfterCommand, CommandDispatch } from "./command_dispatch.ts";
import type { CommandFrame, DataLine } from "./command_frame.ts";
import { ConversationContext } from "./conversation_context.ts";
import type {
  Acceptance,
  ConversationEvent,
  Greeting,
  Refusal,
  ResponsePart,
  TaggedResult,
} from "./conversation_events.ts";
import {
  checkConversationOptions,
  checkPhase,
  completeTimes,
  type ConversationOptions,
  type ConversationTimes,
} from "./conversation_options.ts";
import { CustomCommands } from "./custom_commands.ts";
import { LoginCommands } from "./login_commands.ts";
import { PassGate } from "./pass_gate.ts";
import { checkText } from "./response_lines.ts";
import { checkUser, type ClientFields, type ImapSession } from "./session.ts";

/** How many bytes are read in advance while a command waits. */
const readAhead = 65_536;

/**
 * A client's conversation, as a value that never touches a socket: everything up to the login, the built-in
 * commands, the custom ones, and what goes wrong. {@linkcode ConversationOptions.passThrough} is the server
 * behind, for what isn't answered here.
 *
 * A client's mistakes don't end it: they are answered BAD and told by a "mistake" event, and the conversation
 * goes on in step. Where it can't go on, the client is told why with BYE, and the "end" follows.
 *
 * The conversation owns all that the client sends and is sent, and all times. A custom command is an id: its
 * owner hears of it by events, and answers by calls. It ends exactly once: by {@linkcode finish}, by
 * {@linkcode cancel}, by a line that isn't DONE, or with the conversation. Its end and the return of the input
 * to the commands are one step, after which what the client has sent meanwhile is read.
 *
 * Output may hold events back: call {@linkcode nextEvent} again after {@linkcode takeOutput}.
 */
export class Conversation implements Protocol<ConversationEvent> {
  /**
   * "greeting": nothing is read before `greet()`; "commands": commands are read; "login": a login is under
   * way; "securing": TLS is being started; "waiting": a command waits for the server behind; "passing": one
   * goes to that server; "running": a custom command runs; "half-closed": the client has ended, the server's
   * answers go on; "closing": the "end" is due; "over": it was emitted.
   */
  #state:
    | "greeting"
    | "commands"
    | "login"
    | "securing"
    | "waiting"
    | "passing"
    | "running"
    | "half-closed"
    | "closing"
    | "over" = "greeting";
  readonly #times: ConversationTimes;
  readonly #context: ConversationContext;
  readonly #timers: ConversationTimers;
  readonly #login: LoginCommands;
  readonly #custom: CustomCommands;
  readonly #gate: PassGate | undefined;
  readonly #dispatch: CommandDispatch;
  #hasEnded = false;

  /** Creates a conversation; throws a `LocalProtocolError` for invalid options. */
  constructor(options: ConversationOptions = {}) {
    checkConversationOptions(options);
    const { commands = [], passThrough, id = { name: "dovewire" } } = options;
    const table = commandTable(commands);
    const context = new ConversationContext(options, table, (text) => this.close(text));
    this.#context = context;
    this.#times = completeTimes(options);
    this.#timers = new ConversationTimers(this.#times);
    this.#login = new LoginCommands(context);
    this.#custom = new CustomCommands(context, {
      table,
      onOver: () => passThrough?.commandOver?.() ?? true,
      onFree: () => this.#follow("commands"),
    });
    this.#gate = passThrough === undefined ? undefined : new PassGate(context, passThrough);
    this.#dispatch = new CommandDispatch(context, {
      table,
      custom: this.#custom,
      login: this.#login,
      gate: this.#gate,
      ownId: writeServerId(id),
    });
  }

  /** Who the client is, as of now. */
  get session(): ImapSession {
    return this.#context.session.snapshot();
  }

  /**
   * How many bytes wait to be taken with {@linkcode takeOutput}. What waits for the end of a response of the
   * server behind isn't among them: that server has to be read to get there.
   */
  get pendingOutput(): number {
    return this.#context.output.ready;
  }

  /**
   * Whether more should be read from the client: not before it was greeted, nor while it leaves much unread,
   * has sent much in advance, or TLS is being started.
   */
  get mayRead(): boolean {
    const { output, reader } = this.#context;
    if (this.#state === "greeting" || this.#state === "securing" || output.isFull) return false;
    // What is there while it is read is the beginning of a line, which has its own limit.
    return this.#isReading || reader.size < readAhead;
  }

  /** The id of the running custom command; `undefined` if none runs. */
  get running(): number | undefined {
    return this.#custom.runningId;
  }

  /** Sends the greeting. Until then nothing that the client sends is read. */
  greet(greeting: Greeting = {}): void {
    const { capabilities, text = "dovewire ready.", preauthenticated } = greeting;
    checkText(text, "The text of a greeting", true);
    if (capabilities !== undefined) checkCapabilities(capabilities);
    if (preauthenticated !== undefined) checkUser(preauthenticated);
    if (this.#isOver) return;
    if (this.#state !== "greeting") throw misplaced("greet", "the client was greeted already");
    const { session, output } = this.#context;
    session.serverCapabilities = capabilities ?? session.serverCapabilities;
    if (preauthenticated !== undefined) this.#context.loggedIn(preauthenticated);
    this.#state = "commands";
    const status = preauthenticated === undefined ? "OK" : "PREAUTH";
    output.line(`* ${status} [CAPABILITY ${session.capabilities.join(" ")}] ${text}`);
  }

  /** Accepts the client of a "login" event. */
  accept(id: number, acceptance: Acceptance = {}): void {
    if (this.#isOver && id === this.#login.undecided) return;
    const { keepalivePhase = this.#times.keepalivePhase } = acceptance;
    checkPhase(keepalivePhase);
    this.#login.accept(id, acceptance);
    this.#timers.shift(keepalivePhase);
    this.#state = "commands";
  }

  /** Refuses the client of a "login" event, who may try again. */
  refuse(id: number, refusal: Refusal = {}): void {
    if (this.#isOver && id === this.#login.undecided) return;
    this.#login.refuse(id, refusal);
    this.#state = "commands";
  }

  /**
   * Takes the bytes that arrived after the command that asked for TLS, after a "start-tls" event. They begin
   * the client's TLS handshake, if it doesn't wait for the answer: pass them to the TLS implementation.
   */
  takeUnread(): Uint8Array {
    if (this.#state !== "securing") throw misplaced("takeUnread", "nobody asked for TLS");
    return this.#context.reader.takeUnread() ?? new Uint8Array(0);
  }

  /**
   * Call this when the transport is encrypted, after a "start-tls" event. What the client said before is
   * forgotten. If something is left that came unencrypted, somebody else may have put it in: that ends the
   * conversation.
   */
  tlsStarted(): void {
    if (this.#isOver) return;
    if (this.#state !== "securing") throw misplaced("tlsStarted", "nobody asked for TLS");
    if (this.#context.reader.takeUnread()?.length) return this.close();
    this.#state = "commands";
    this.#context.session.secured();
    this.#context.forgetMistakes();
  }

  /**
   * Sends an untagged response of the running command. Returns whether more may be sent now; if not, since the
   * client leaves too much unread, a "writable" event follows.
   *
   * This, {@linkcode continue}, {@linkcode finish} and {@linkcode cancel} do nothing for a command that was
   * ended by its client, by the conversation's end or by {@linkcode cancel}. They throw a
   * {@linkcode LocalProtocolError} for a command that never was, for one that was finished already, and for
   * text with a line end or a NUL.
   */
  untagged(id: number, parts: readonly ResponsePart[]): boolean {
    return this.#custom.untagged(id, parts);
  }

  /** Sends `+ TEXT`: once a command, and only for a long-running one. Returns as {@linkcode untagged} does. */
  continue(id: number, text: string = "OK"): boolean {
    return this.#custom.continue(id, text);
  }

  /** Ends the running command with its result. What the client has sent meanwhile is read from here on. */
  finish(id: number, result: TaggedResult): void {
    this.#custom.finish(id, result);
  }

  /** Ends the running command with NO, whatever its owner does; a "cancel" event follows. */
  cancel(id: number, text: string = "The command was cancelled."): void {
    this.#custom.cancel(id, text);
  }

  /** Whether the running command may send more, as {@linkcode untagged} returns it. */
  isWritable(id: number): boolean {
    return this.#custom.isWritable(id);
  }

  /** Ends the conversation, with BYE and that text, or without BYE if there is no text. */
  close(text?: string): void {
    if (text !== undefined) checkText(text, "The text of BYE", true);
    if (this.#isOver) return;
    this.#custom.answer();
    if (text !== undefined) this.#context.output.line(`* BYE ${text}`);
    this.#state = "closing";
  }

  /** For a pass-through: the server is ready for the data of the literal that was announced. */
  literalGranted(): void {
    if (!this.#isOver) this.#passing("literalGranted").literalGranted();
  }

  /**
   * For a pass-through: the literal that was announced isn't taken, and the rest of the command is skipped.
   * With a reason, the client is answered BAD; without, the server has answered.
   */
  literalRefused(reason?: string): void {
    if (!this.#isOver) this.#passing("literalRefused").literalRefused(reason);
  }

  /**
   * For a pass-through: sends the server's bytes. `atBoundary` is whether they end between two responses, which
   * they do if left out; while they don't, what the conversation itself has to say waits.
   */
  sendRaw(bytes: Uint8Array, atBoundary: boolean = true): void {
    const raw = plainBytes(bytes);
    if (!this.#isOver) this.#context.output.raw(raw, atBoundary);
  }

  /** For a pass-through: whether something is to be sent as soon as the server's bytes end between two responses. */
  get awaitsBoundary(): boolean {
    return this.#context.output.isWaiting;
  }

  /**
   * For a pass-through: what a "hold" waited for has come, and commands are read again; or a custom command that is
   * over may be answered.
   */
  resume(): void {
    if (this.#state === "waiting") this.#follow(this.#dispatch.decide());
    else if (this.#state === "passing") this.#gate?.resume();
    else if (this.#state === "running") this.#custom.answer();
  }

  /** For a pass-through that holds: reading goes on with a line for its `line()`. */
  readLine(): void {
    if (!this.#isOver) this.#passing("readLine").readLine();
  }

  /** For a pass-through: the selected mailbox has changed; `undefined` for none. */
  select(mailbox: string | undefined): void {
    this.#context.session.mailbox = mailbox;
  }

  /** For a pass-through: what the client says by ID; `undefined` for NIL. */
  setClientId(fields: ClientFields | undefined): void {
    this.#context.session.clientId = fields;
  }

  /** For a pass-through: what the server says by ID. */
  setServerId(fields: ClientFields): void {
    this.#context.session.serverId = fields;
  }

  /** For a pass-through: the server's capabilities are others now. */
  setCapabilities(capabilities: readonly string[]): void {
    checkCapabilities(capabilities);
    this.#context.session.serverCapabilities = capabilities;
  }

  /** Takes bytes that arrived from the client. The chunk belongs to the conversation from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#hasEnded) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    const bytes = plainBytes(chunk);
    if (this.#isOver || bytes.length === 0) return;
    this.#timers.heard();
    this.#context.reader.receive(bytes);
  }

  /** Ends the input: the client will send no more. What it sent is still answered. */
  receiveEnd(): void {
    this.#hasEnded = true;
    this.#context.reader.receiveEnd();
    // Its handshake has failed.
    if (this.#state === "securing") this.close();
  }

  /** The next event in wire order, or `undefined` until there are more bytes, room for output, or an answer. */
  nextEvent(): ConversationEvent | undefined {
    for (;;) {
      const event = this.#context.events.shift();
      if (event !== undefined) return event;
      if (!this.#step()) return undefined;
    }
  }

  /** Bytes to write, oldest first, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.#context.output.take();
  }

  /** When to call {@linkcode handleTimeout}. */
  get deadline(): number | undefined {
    this.#setTimers();
    return this.#isOver ? undefined : this.#timers.deadline;
  }

  /** Passes the current time, in milliseconds of any clock that doesn't go back. */
  handleTimeout(now: number): void {
    this.#setTimers();
    if (this.#isOver) return;
    const { isSilent, isKeepaliveDue } = this.#timers.tick(now);
    const { output } = this.#context;
    if (isSilent) {
      const isResponse = this.#state === "login";
      this.close(`Disconnected for inactivity${isResponse ? " during authentication" : ""}.`);
    } else if (isKeepaliveDue && output.size === 0) {
      output.line(`* OK ${this.#custom.keepalive}`);
    }
  }

  /** Passes all of its state through an archive: only for a client that is logged in. */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    this.#hasEnded = state.value(this.#hasEnded);
    state.part(this.#context);
    state.part(this.#timers);
    state.part(this.#custom);
    if (this.#gate !== undefined) state.part(this.#gate);
    state.part(this.#dispatch);
  }

  get #isOver(): boolean {
    return this.#state === "closing" || this.#state === "over";
  }

  /** Goes on by a step; returns whether there was anything to do. */
  #step(): boolean {
    switch (this.#state) {
      case "passing":
        if (this.#gate!.isBusy) return this.#readOrWait();
        this.#state = "commands";
        return true;
      case "running":
        return this.#custom.wake() || this.#readOrWait();
      case "greeting":
      case "commands":
      case "login":
      case "securing":
      case "waiting":
        return this.#readOrWait();
      case "closing":
        this.#end();
        return true;
      case "half-closed":
      case "over":
        return false;
    }
  }

  /** Whether the client's bytes are read now, as far as they have come. */
  get #isReading(): boolean {
    switch (this.#state) {
      case "commands":
        return !this.#context.output.isFull;
      case "login":
        return this.#login.state === "line";
      case "passing":
        return this.#gate!.isReading;
      case "running":
        return this.#custom.takesLine;
      default:
        return false;
    }
  }

  #readOrWait(): boolean {
    if (this.#isReading) return this.#read();
    if (this.#context.reader.size <= this.#context.limits.backlog) return false;
    this.close("Input buffer full, aborting");
    return true;
  }

  #read(): boolean {
    const frame = this.#context.reader.next();
    if (frame !== undefined) this.#take(frame);
    else if (this.#context.reader.isAtEnd) this.#inputEnded();
    else return false;
    return true;
  }

  #take(frame: CommandFrame): void {
    if (frame.type === "line") return this.#takeLine(frame);
    if (frame.type === "fatal") return this.close(frame.reason);
    if (this.#state === "passing") return this.#gate!.take(frame);
    // The conversation itself collects a command's arguments: its bytes are of no use.
    if (frame.type !== "text" && frame.type !== "data") this.#follow(this.#dispatch.take(frame));
  }

  /** Goes on in a state, unless the conversation has ended. */
  #follow(next: AfterCommand): void {
    if (!this.#isOver) this.#state = next;
  }

  #takeLine(line: DataLine): void {
    const { reader } = this.#context;
    // It is no line that anybody waits for, and its literal is part of it (RFC 7888, 3).
    if (line.literal?.isSynchronizing === false) reader.swallowLiteral();
    reader.readCommand();
    if (this.#state === "running") this.#custom.takeLine(line);
    else if (this.#state === "passing") this.#gate!.takeLine(line);
    else {
      this.#login.takeLine(line);
      if (this.#login.state === "idle") this.#follow("commands");
    }
  }

  #inputEnded(): void {
    if (this.#gate !== undefined && this.#context.session.user !== undefined) {
      const isPassed = this.#state !== "running" && this.#gate.inputEnd();
      if (isPassed) this.#state = "half-closed";
      if (isPassed || this.#isOver) return;
    }
    this.close();
  }

  #end(): void {
    this.#state = "over";
    const open = this.#custom.drop() ?? this.#login.undecided;
    this.#context.events.push({ type: "end", unanswered: open === undefined ? [] : [open] });
  }

  /** Sets the times by the state. */
  #setTimers(): void {
    if (this.#context.output.takeSent()) this.#timers.said();
    this.#timers.allowSilence(this.#silenceLimit);
    this.#timers.sendKeepalives(this.#state === "running" && this.#custom.keepalive !== undefined);
  }

  /** How long the client may be silent now. */
  get #silenceLimit(): number {
    const isLoggedIn = this.#context.session.user !== undefined;
    if (this.#state === "login" && this.#login.state === "verdict") return Infinity;
    if (this.#state === "commands" || this.#state === "login" || this.#state === "passing") {
      if (!isLoggedIn) return this.#times.loginTimeout;
      const isServersTurn = (this.#gate?.openCommands ?? 0) > 0 && !this.#gate!.awaitsClient;
      return isServersTurn ? Infinity : this.#times.idleTimeout;
    }
    return Infinity;
  }

  /** The gate, if a command is passed. */
  #passing(call: string): PassGate {
    if (this.#gate !== undefined && this.#state === "passing") return this.#gate;
    throw misplaced(call, "no command is passed on");
  }
}

function misplaced(call: string, why: string): LocalProtocolError {
  return new LocalProtocolError(`${call}() was called, but ${why}.`);
}
