/**
 * The server side of the doveadm protocol, 1.0 to 1.4.
 *
 * Source: Dovecot's src/doveadm/client-connection-tcp.c, and tests of servers of 2.3 and 2.4.
 *
 * @module
 */

import { concat, OutputQueue, plainBytes } from "../bytes.ts";
import { type DovewireError, LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { InputQueue } from "../input_queue.ts";
import { checkOptions } from "../option_checks.ts";
import { quoteText } from "../peer_text.ts";
import type { Protocol } from "../protocol.ts";
import type { DoveadmCommand } from "./command.ts";
import { parseCommandLine } from "./command_line.ts";
import { DotUnstuffer } from "./dot_stuffing.ts";
import { checkLimits, MAX_MINOR, noTlsAsked } from "./handshake_options.ts";
import { checkLogLine, type LogLevel } from "./log.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { ServerHandshake, type ServerHandshakeOptions } from "./server_handshake.ts";

/** Limits on the memory that a client can use, in bytes. */
export interface DoveadmServerLimits {
  /** A line of the handshake; 8 KiB if left out. */
  handshakeLine: number;
  /** A command's line; 1 MiB if left out, as in Dovecot. */
  commandLine: number;
  /**
   * What a client may send in advance while a command runs, and what it may leave unread of the answers to
   * invalid commands; 16 MiB if left out. A caller that checks {@linkcode DoveadmServerProtocol.backlog}
   * before each read, and writes all output, never reaches it.
   */
  backlog: number;
}

/** Options for a {@linkcode DoveadmServerProtocol}. */
export interface DoveadmServerProtocolOptions extends ServerHandshakeOptions {
  /**
   * Returns whether a command is followed by input; {@linkcode takesInput} if left out. The input of a
   * refused command can be skipped only if this is known.
   */
  takesInput?: (command: DoveadmCommand) => boolean;
  /** Limits that differ from the defaults. */
  limits?: Partial<DoveadmServerLimits>;
}

/** Events emitted by a {@linkcode DoveadmServerProtocol}. */
export type DoveadmServerEvent =
  /** Write the output, encrypt the transport, then call `tlsStarted()`. */
  | { readonly type: "start-tls" }
  /** A client wants to log in: answer with `acceptLogin()` or `refuseLogin()`. */
  | { readonly type: "login"; readonly username: string; readonly password: string }
  /** The handshake is complete; `username` is the name that the client logged in with, if it had to. */
  | { readonly type: "ready"; readonly minor: number; readonly username: string | undefined }
  /** The client could not log in; the "end" follows. */
  | { readonly type: "refused"; readonly reason: string }
  /** A command to be answered; the next one is emitted after its answer. */
  | { readonly type: "command"; readonly id: number; readonly command: DoveadmCommand }
  /** A piece of the running command's input. */
  | {
    readonly type: "input";
    readonly id: number;
    readonly chunk: Uint8Array;
    readonly final: boolean;
  }
  /** The client ended before the input did; the command is still to be answered. */
  | { readonly type: "input-lost"; readonly id: number }
  /** The conversation is over; `unanswered` has the ids of the commands that got no reply. */
  | { readonly type: "end"; readonly unanswered: readonly number[] };

const defaultLimits: DoveadmServerLimits = {
  handshakeLine: 8 * 1024,
  commandLine: 1024 * 1024,
  backlog: 16 * 1024 * 1024,
};

const nothing = new Uint8Array(0);

/** How many characters of a command's name a message quotes. */
const nameLength = 60;

/** Whether a command of Dovecot's is followed by input: "save" and "sieve put" are. */
export function takesInput(command: DoveadmCommand): boolean {
  return command.name === "save" || command.name === "sieve put";
}

/**
 * The server side of one doveadm connection, as a value that never touches a socket.
 *
 * Commands are answered one at a time and in order: the next one is emitted after the reply to the previous
 * one. What a client sends in advance waits, and {@linkcode backlog} is its size: a caller that reads only
 * a little in advance holds back a client that sends without end.
 *
 * @example A session with prepared bytes of a client
 * ```ts
 * import { DoveadmServerProtocol } from "@dovewire/dovewire/core/doveadm";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const protocol = new DoveadmServerProtocol({ preauthenticated: true });
 * protocol.receive(encodeUtf8("VERSION\tdoveadm-server\t1\t0\n\talice\tmailbox list\n"));
 * assert.deepEqual(protocol.nextEvent(), { type: "ready", minor: 0, username: undefined });
 * const event = protocol.nextEvent();
 * assert(event?.type === "command" && event.command.name === "mailbox list");
 *
 * protocol.writeField(event.id, "INBOX");
 * protocol.succeed(event.id);
 * assert.equal(decodeUtf8(protocol.takeOutput()!), "+\nINBOX\t\n+\n");
 * ```
 */
export class DoveadmServerProtocol implements Protocol<DoveadmServerEvent> {
  /**
   * "command": a command's line is awaited; "input": a command runs, and its input arrives; "running": one
   * runs whose input is complete; "skipping": one was answered before its input's end; "closing": nothing
   * more is read, and the "end" event is due; "over": it was emitted.
   */
  #state:
    | "handshake"
    | "command"
    | "input"
    | "running"
    | "skipping"
    | "closing"
    | "over"
    | "failed" = "handshake";
  #options: DoveadmServerProtocolOptions;
  #limits: DoveadmServerLimits;
  #input = new InputQueue();
  #output = new OutputQueue();
  #handshake: ServerHandshake;
  #replies: ReplyWriter;
  #sendsLog = false;
  #ended = false;
  #failure: DovewireError | undefined;
  #lastId = 0;
  /** Whether the last command is not answered yet. */
  #isAnswered = true;
  #lastName = "";
  /** The bytes of answers to invalid commands since all output was last taken. */
  #refusals = 0;
  #unstuffer = new DotUnstuffer();

  /** Creates a protocol; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(options: DoveadmServerProtocolOptions = {}) {
    checkOptions(options, {
      functions: ["takesInput"],
      objects: ["limits"],
      booleans: ["loginEvents", "preauthenticated"],
    });
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    checkLimits(this.#limits);
    this.#handshake = new ServerHandshake(
      options,
      this.#limits.handshakeLine,
      this.#input,
      this.#output,
    );
    this.#replies = new ReplyWriter(this.#output, undefined);
  }

  /** How many bytes the client has sent in advance. */
  get backlog(): number {
    return this.#input.size;
  }

  /** How many bytes wait to be taken with {@linkcode takeOutput}. */
  get pendingOutput(): number {
    return this.#output.pushed - this.#output.taken + this.#replies.pending;
  }

  /** Accepts the client of the "login" event, under its name or another one. */
  acceptLogin(username?: string): void {
    this.#checkDeciding("acceptLogin");
    this.#handshake.decide({ accept: true, username });
  }

  /**
   * Refuses the client of the "login" event; the conversation ends. `reason` is for the "refused" event,
   * and is not sent to the client.
   */
  refuseLogin(reason?: string): void {
    this.#checkDeciding("refuseLogin");
    this.#handshake.decide({ accept: false, reason });
  }

  /**
   * Takes the bytes that arrived after the line that asked for TLS, after a "start-tls" event. They begin
   * the client's TLS handshake, which doesn't wait for an answer: pass them to the TLS implementation.
   */
  takeUnread(): Uint8Array {
    if (this.#state !== "handshake") throw noTlsAsked();
    return this.#handshake.takeUnread();
  }

  /** Call this when the transport is encrypted, after a "start-tls" event; the login follows. */
  tlsStarted(): void {
    if (this.#state !== "handshake") throw noTlsAsked();
    this.#handshake.tlsStarted();
  }

  /**
   * Writes a value of the running command's reply, or a piece of one: `final` says whether it ends
   * there. The bytes belong to the protocol from here on. A reply whose last value isn't final consists of
   * that text alone, as "user" replies with its JSON.
   *
   * Throws a {@linkcode LocalProtocolError} for a command that isn't the running one.
   */
  writeField(
    id: number,
    value: string | Uint8Array,
    { final = true }: { final?: boolean } = {},
  ): void {
    const bytes = typeof value === "string" ? value : plainBytes(value);
    if (this.#mayAnswer(id)) this.#replies.field(bytes, final);
  }

  /** Ends the running command's reply with success. Throws as {@linkcode writeField} does. */
  succeed(id: number): void {
    if (this.#mayAnswer(id)) this.#answer("+");
  }

  /**
   * Ends the running command's reply with a failure. `code` is "NOUSER", "NOTFOUND" …, or "" for an unknown
   * command; `detail` the text after it: for "REFERRAL" the user and host to go to.
   *
   * Throws as {@linkcode writeField} does, and for a code or a detail that a reply can't carry.
   */
  fail(id: number, code: string, detail = ""): void {
    if (!/^[A-Z]*$/.test(code) || /[\r\n]/.test(detail)) {
      throw new LocalProtocolError(
        `A command can't fail with ${JSON.stringify(code)} and ${JSON.stringify(detail)}. Use ` +
          'capital letters for the code, like "NOTFOUND", and no line end in the detail.',
      );
    }
    if (this.#mayAnswer(id)) this.#answer(detail === "" ? `-${code}` : `-${code} ${detail}`);
  }

  /**
   * Writes to the client's log. A message of several lines, or of one that no client would take, becomes several
   * messages; it is dropped where the client has no log, or from protocol 1.3 on didn't ask for it.
   */
  log(level: LogLevel, message: string): void {
    checkLogLine(level, message);
    if (this.#sendsLog && this.#isOpen) this.#replies.log(level, message);
  }

  /**
   * Writes an empty line to the log, which clients skip, to find out whether the client of a command that
   * runs for long is still there. Returns whether it wrote one: below protocol 1.1 there is no log.
   */
  probe(): boolean {
    return this.#isOpen && this.#state !== "handshake" && this.#replies.probe();
  }

  /** Ends the conversation on this side: nothing more is read; the output can still be taken. */
  close(): void {
    if (!this.#isOpen) return;
    this.#state = "closing";
    this.#input.clear();
    this.#replies.close();
  }

  /** Takes bytes that arrived from the client. The chunk belongs to the protocol from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#ended) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    const bytes = plainBytes(chunk);
    if (this.#isOpen) this.#input.push(bytes);
  }

  /** Ends the input: the client will send no more. What it sent is still answered. */
  receiveEnd(): void {
    this.#ended = true;
  }

  /**
   * The next event in wire order, or `undefined` until there are more bytes, or the running command is
   * answered.
   *
   * Throws a {@linkcode RemoteProtocolError} if the client broke the protocol, and rethrows the same error
   * afterwards: write the rest of {@linkcode takeOutput} and close the connection, as Dovecot does.
   */
  nextEvent(): DoveadmServerEvent | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#next();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Bytes to write, oldest first, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined {
    this.#replies.flush();
    const chunk = this.#output.take();
    if (chunk === undefined) this.#refusals = 0;
    return chunk;
  }

  /** Always `undefined`: time limits for clients are the caller's. */
  get deadline(): undefined {
    return undefined;
  }

  /** Does nothing: there is no deadline. */
  handleTimeout(_now: number): void {}

  get #isOpen(): boolean {
    return this.#state !== "closing" && this.#state !== "over" && this.#state !== "failed";
  }

  #next(): DoveadmServerEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "handshake": {
          const event = this.#handshake.nextEvent();
          if (event?.type === "ready") this.#open(event.minor);
          else if (event?.type === "refused") this.close();
          if (event !== undefined) return event;
          if (!this.#ended || this.#handshake.isDeciding) return this.#waiting();
          this.close();
          continue;
        }
        case "command": {
          const line = this.#takeCommandLine();
          if (line === undefined) {
            if (!this.#ended) return undefined;
            this.close();
            continue;
          }
          const event = this.#begin(line);
          if (event !== undefined) return event;
          continue;
        }
        case "input":
        case "skipping": {
          const isWanted = this.#state === "input";
          const event = this.#readInput();
          if (event !== undefined && isWanted) return event;
          if (event !== undefined) continue;
          if (!this.#ended) return undefined;
          this.#state = isWanted ? "running" : "closing";
          if (isWanted) return { type: "input-lost", id: this.#lastId };
          continue;
        }
        case "running":
          return this.#waiting();
        case "closing":
          this.#state = "over";
          return { type: "end", unanswered: this.#unanswered };
        case "over":
        case "failed":
          return undefined;
      }
    }
  }

  /** Returns no event; throws if the client has sent more in advance than it may. */
  #waiting(): undefined {
    if (this.#input.size <= this.#limits.backlog) return undefined;
    throw new RemoteProtocolError(
      `The client sent ${this.#input.size} bytes in advance while it waited for an answer, but only ` +
        `${this.#limits.backlog} are allowed ("limits.backlog"). Read no more while "backlog" is high.`,
      { limit: "backlog" },
    );
  }

  #open(minor: number): void {
    const format = minor === 0 ? undefined : minor < 4 ? "packet" : "stream";
    this.#replies = new ReplyWriter(this.#output, format);
    // From 1.3 on clients request it.
    this.#sendsLog = minor === 1 || minor === 2;
    this.#state = "command";
  }

  #takeCommandLine(): Uint8Array | undefined {
    const limit = this.#limits.commandLine;
    return this.#input.takeLine(limit, () =>
      new RemoteProtocolError(
        `The client sent a command of more than ${limit} bytes. ` +
          'If such commands are meant to be, raise "limits.commandLine".',
        { limit: "commandLine" },
      ));
  }

  /** Starts a command; returns no event for one that is handled here. */
  #begin(line: Uint8Array): DoveadmServerEvent | undefined {
    // A server of 1.3 accepts these from every client, whatever version that offered.
    const isNew = (this.#options.maxMinor ?? MAX_MINOR) >= 3;
    const { command, mistake } = parseCommandLine(line, isNew);
    if (command.name === "OPTION" && isNew) {
      if (command.args?.includes("log-passthrough")) this.#sendsLog = true;
      return undefined;
    }
    const hasInput = (this.#options.takesInput ?? takesInput)(command);
    if (hasInput) {
      command.input = true;
      this.#unstuffer = new DotUnstuffer();
    }
    const id = ++this.#lastId;
    this.#lastName = command.name;
    this.#isAnswered = false;
    this.#state = hasInput ? "input" : "running";
    if (mistake === undefined) return { type: "command", id, command };
    this.#refuse(id, `${quoteText(command.name, nameLength)} is invalid: ${mistake}.`);
  }

  /** Answers an invalid command, as long as the client reads such answers. */
  #refuse(id: number, why: string): void {
    const before = this.pendingOutput;
    this.log("error", why);
    this.fail(id, "DATAERR");
    this.#refusals += this.pendingOutput - before;
    if (this.#refusals <= this.#limits.backlog) return;
    throw new RemoteProtocolError(
      `The client sent invalid commands and left ${this.#refusals} bytes of answers ` +
        `unread, where ${this.#limits.backlog} are allowed ("limits.backlog").`,
      { limit: "backlog" },
    );
  }

  /** The next piece of the input, or `undefined` if there is none yet. */
  #readInput(): DoveadmServerEvent | undefined {
    for (let chunk; (chunk = this.#input.takeChunk()) !== undefined;) {
      const { pieces, end } = this.#unstuffer.push(chunk);
      const final = end !== undefined;
      if (final) {
        this.#input.untake(chunk.subarray(end));
        this.#state = this.#isAnswered ? "command" : "running";
      }
      if (pieces.length === 0 && !final) continue;
      const input = pieces.length === 0 ? nothing : concat(pieces);
      return { type: "input", id: this.#lastId, chunk: input, final };
    }
  }

  /** Whether the command's answer is still used; throws for one that isn't the running one. */
  #mayAnswer(id: number): boolean {
    if (id === this.#lastId && !this.#isAnswered) return this.#isOpen;
    throw new LocalProtocolError(
      id === this.#lastId && id > 0
        ? `Command ${id}, ${quoteText(this.#lastName, nameLength)}, was answered already.`
        : `Command ${id} doesn't run. Answer commands in their order, by the id of their event.`,
    );
  }

  #answer(status: string): void {
    this.#replies.status(status);
    // Makes packets independent of when the output is taken.
    this.#replies.flush();
    this.#isAnswered = true;
    this.#state = this.#state === "input" ? "skipping" : "command";
  }

  #checkDeciding(call: string): void {
    if (this.#state === "handshake" && this.#handshake.isDeciding) return;
    throw new LocalProtocolError(
      `${call}() answers a "login" event, and there was none. Set "loginEvents" to get them.`,
    );
  }

  get #unanswered(): readonly number[] {
    return this.#isAnswered ? [] : [this.#lastId];
  }

  #fail(error: unknown): unknown {
    if (!(error instanceof RemoteProtocolError)) return error;
    this.#failure = new RemoteProtocolError(error.message, {
      cause: error.cause,
      limit: error.limit,
      unanswered: this.#unanswered,
    });
    this.#state = "failed";
    this.#input.clear();
    return this.#failure;
  }
}
