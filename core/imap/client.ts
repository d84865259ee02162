/**
 * The client's side of an IMAP connection.
 *
 * Source: RFC 9051, 3501, 7888 (non-synchronizing literals), 4959 (initial responses).
 *
 * @module
 */

import { encodeUtf8, OutputQueue, plainBytes } from "../bytes.ts";
import { DovewireError, LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { checkOptions } from "../option_checks.ts";
import { quoteText } from "../peer_text.ts";
import type { Protocol } from "../protocol.ts";
import { KnownCapabilities } from "./client_capabilities.ts";
import { checkName, type ImapClientCommand } from "./client_command.ts";
import type {
  ImapAnswerEvent,
  ImapClientEvent,
  ImapClientProtocolOptions,
  ImapCredentials,
  ImapPlainCredentials,
} from "./client_events.ts";
import { encodePlain } from "./client_plain.ts";
import { ClientRequests, type RequestKind } from "./client_requests.ts";
import { ClientSecrets } from "./client_secrets.ts";
import { completeImapLimits } from "./limits.ts";
import type { ResponseText } from "./response_code.ts";
import { type ImapResponse, ResponseParser, type TaggedResponse } from "./response_parser.ts";

/** Commands that {@linkcode ImapClientProtocol.send} refuses, and what to do instead. */
const refused: Readonly<Record<string, string>> = {
  STARTTLS: 'Use startTls(), or "starttls" of ImapClient.',
  LOGIN:
    'Use login(), or "username" and "password" of ImapClient: they keep the password out of messages.',
  AUTHENTICATE: 'Use authenticatePlain() or login(), or "username" and "password" of ImapClient.',
  COMPRESS: "It changes the bytes that follow, and isn't supported.",
};

/**
 * The client's side of one IMAP connection, as a value that never touches a socket. It is for commands, not
 * for mail: it returns what the server says, and gives no meaning to a FETCH.
 *
 * One command is sent at a time, so that it is clear which one a response belongs to; further ones wait for
 * its answer. Literals are sent at once if the server allows that (LITERAL+, LITERAL-), otherwise after its
 * continuation.
 *
 * @example A session with prepared bytes of a server
 * ```ts
 * import { ImapClientProtocol } from "@dovewire/dovewire/core/imap";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const protocol = new ImapClientProtocol();
 * const id = protocol.send({ name: "IDLE" });
 * protocol.receive(encodeUtf8("* PREAUTH Logged in as alice\r\n"));
 * assert.equal(protocol.nextEvent()?.type, "greeting");
 * assert.equal(decodeUtf8(protocol.takeOutput()!), "C1 IDLE\r\n");
 *
 * protocol.receive(encodeUtf8("+ idling\r\n* 4 EXISTS\r\n"));
 * assert.deepEqual(protocol.nextEvent(), { type: "continuation", id, text: "idling" });
 * assert.equal(protocol.nextEvent()?.type, "response");
 * protocol.done(id);
 * assert.equal(decodeUtf8(protocol.takeOutput()!), "DONE\r\n");
 * ```
 */
export class ImapClientProtocol implements Protocol<ImapClientEvent> {
  /**
   * "greeting": it is awaited; "open": commands and answers; "starting-tls": the transport is being
   * encrypted; "closing": the "end" event is due; "over": that was emitted; "failed".
   */
  #state: "greeting" | "open" | "starting-tls" | "closing" | "over" | "failed" = "greeting";
  #parser: ResponseParser;
  #output = new OutputQueue();
  #failure: DovewireError | undefined;
  #hasEnded = false;

  #capabilities: KnownCapabilities;
  #requests: ClientRequests;
  /** The answer to STARTTLS, which is emitted when TLS has started. */
  #delayed: ImapAnswerEvent | undefined;
  /** What is kept out of all texts of the server. */
  readonly #secrets = new ClientSecrets();

  /** Creates a protocol; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(options: ImapClientProtocolOptions = {}) {
    checkOptions(options, { texts: ["password"] });
    const limits = completeImapLimits(options.limits);
    const { password } = options;
    if (password !== undefined) this.#secrets.add(password);
    const concealer = password === undefined ? undefined : this.#secrets.concealer;
    this.#parser = new ResponseParser(limits, { concealer });
    this.#capabilities = new KnownCapabilities(limits.responseLine);
    this.#requests = new ClientRequests(this.#output, this.#capabilities);
  }

  /** Whether commands are accepted: the conversation is neither over nor broken. */
  get isOpen(): boolean {
    return this.#state === "greeting" || this.#state === "open" || this.#state === "starting-tls";
  }

  /** The error that {@linkcode nextEvent} threw, which ended the conversation; `undefined` before. */
  get failure(): DovewireError | undefined {
    return this.#failure;
  }

  /**
   * The server's capabilities, as it last listed them; `undefined` if it hasn't, since the start, STARTTLS or
   * the login.
   */
  get capabilities(): readonly string[] | undefined {
    return this.#capabilities.list;
  }

  /** Whether the server is known to have a capability, which is named in any case. */
  hasCapability(name: string): boolean {
    return this.#capabilities.has(name);
  }

  /** The commands without an answer, oldest first. */
  get unanswered(): readonly number[] {
    return this.#requests.ids;
  }

  /**
   * Whether a command without an answer was taken, at least in part, with {@linkcode takeOutput}, so that the
   * server may run it.
   */
  isSent(id: number): boolean {
    return this.#requests.isSent(id);
  }

  /**
   * Sends a command, after the earlier ones are answered, and returns its id: 1, 2, 3 …
   *
   * Throws a {@linkcode LocalProtocolError} for an invalid command, for STARTTLS, LOGIN and AUTHENTICATE,
   * which have methods of their own, for COMPRESS, for an IDLE that isn't long-running, and after the end of the
   * conversation.
   */
  send(command: ImapClientCommand): number {
    checkName(command.name);
    const name = command.name.toUpperCase();
    // Servers read the second word of "COMPRESS DEFLATE" as an argument.
    const [word] = name.split(" ");
    const advice = Object.hasOwn(refused, word) ? refused[word] : undefined;
    if (advice !== undefined) {
      throw new LocalProtocolError(`${word} can't be sent like other commands. ${advice}`);
    }
    const { isLongRunning = word === "IDLE" } = command;
    if (word === "IDLE" && !isLongRunning) {
      throw new LocalProtocolError(
        "IDLE runs until it is ended with DONE. Send it as a long-running command, as idle() does.",
      );
    }
    const kind = isLongRunning ? "long-running" : word === "LOGOUT" ? "logout" : "command";
    return this.#send({ ...command, name }, { kind });
  }

  /**
   * Ends a long-running command: DONE is sent after the server's continuation. The answer is still to come.
   * Does nothing for a command that is answered or has had its DONE; one that isn't sent yet ends at once
   * after it was sent.
   *
   * Throws a {@linkcode LocalProtocolError} for a command that isn't long-running.
   */
  done(id: number): void {
    const request = this.#requests.get(id);
    if (request === undefined && this.#requests.has(id)) return;
    if (request?.kind !== "long-running") {
      throw new LocalProtocolError(
        request === undefined
          ? `There is no command ${id}. Use the id that send() returned.`
          : `${request.name} can't be ended with DONE. Set "isLongRunning" when it is sent.`,
      );
    }
    this.#requests.end(request);
  }

  /**
   * Removes a command of which nothing is written yet: it is never sent, and no event mentions it. Returns
   * whether it could be removed.
   */
  withdraw(id: number): boolean {
    return this.#requests.remove(id);
  }

  /**
   * Asks for TLS (RFC 9051, 6.2.1) and returns the command's id. If the server agrees, a "start-tls" event
   * comes before the answer's; bytes that the server sent unencrypted after its agreement are an error.
   * The capabilities are forgotten.
   */
  startTls(): number {
    return this.#send({ name: "STARTTLS" }, { kind: "start-tls" });
  }

  /** Logs in by LOGIN (RFC 9051, 6.2.3) and returns the command's id. The capabilities may change. */
  login({ username, password }: ImapCredentials): number {
    checkOptions({ username, password }, { texts: ["username", "password"] });
    if (password !== undefined) this.#secrets.add(password);
    return this.#send({ name: "LOGIN", args: [username, password] }, { kind: "login" });
  }

  /**
   * Logs in by AUTHENTICATE PLAIN (RFC 9051, 6.2.2; RFC 4616) and returns the command's id. With SASL-IR
   * (RFC 4959) among the server's capabilities it takes one round trip instead of two.
   */
  authenticatePlain(credentials: ImapPlainCredentials): number {
    const encoded = encodePlain(credentials);
    this.#secrets.add(credentials.password, encoded);
    if (this.#capabilities.has("SASL-IR")) {
      return this.#send({
        name: "AUTHENTICATE",
        args: [{ type: "atom", text: `PLAIN ${encoded}` }],
      }, { kind: "login" });
    }
    const reply = encodeUtf8(`${encoded}\r\n`);
    return this.#send({ name: "AUTHENTICATE", args: ["PLAIN"] }, { kind: "login", reply });
  }

  /** Call this when the transport is encrypted, after a "start-tls" event. */
  tlsStarted(): void {
    if (this.#state !== "starting-tls" || this.#delayed === undefined) {
      throw new LocalProtocolError('tlsStarted() was called without a "start-tls" event before.');
    }
    // Bytes that arrived unencrypted stay: the next event is an error for them.
    if (this.#parser.size === 0) this.#state = "open";
  }

  /** Ends the conversation on this side; output that wasn't taken is discarded. */
  close(): void {
    if (!this.isOpen) return;
    this.#state = "closing";
    this.#output.clear();
  }

  /** Takes bytes that arrived from the server. The chunk belongs to the protocol from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#hasEnded) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    const bytes = plainBytes(chunk);
    if (this.isOpen) this.#parser.receive(bytes);
  }

  /** Ends the input: the server will send no more. */
  receiveEnd(): void {
    this.#hasEnded = true;
    this.#parser.receiveEnd();
  }

  /**
   * The next event in wire order, or `undefined` if more bytes are needed.
   *
   * Throws a {@linkcode RemoteProtocolError} if the server broke the protocol, and rethrows the same error
   * afterwards.
   */
  nextEvent(): ImapClientEvent | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#nextEvent();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Bytes to write, oldest first, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.take();
  }

  /** There is no deadline: an IMAP client may wait for as long as it likes. */
  get deadline(): undefined {
    return undefined;
  }

  /** Does nothing. */
  handleTimeout(_now: number): void {}

  #nextEvent(): ImapClientEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case "greeting":
        case "open": {
          if (this.#delayed !== undefined) return this.#startedTls(this.#delayed);
          const response = this.#parser.next();
          if (response === undefined) {
            if (!this.#parser.isAtEnd) return undefined;
            this.#state = "closing";
            continue;
          }
          const event = this.#onResponse(response);
          if (event !== undefined) return event;
          continue;
        }
        case "starting-tls":
          if (this.#parser.size > 0) throw clearBytesError();
          if (!this.#hasEnded) return undefined;
          this.#state = "closing";
          continue;
        case "closing":
          this.#state = "over";
          return { type: "end", unanswered: this.unanswered };
        case "over":
        case "failed":
          return undefined;
      }
    }
  }

  #onResponse(response: ImapResponse): ImapClientEvent | undefined {
    if (this.#state === "greeting") return this.#onGreeting(response);
    switch (response.type) {
      case "continuation":
        return this.#onContinuation(response.text);
      case "tagged":
        return this.#onAnswer(response);
      case "status":
        if (response.name === "BYE") return this.#onBye(response);
        if (response.name === "PREAUTH") throw new RemoteProtocolError(unexpectedGreeting);
        this.#capabilities.readCode(response.code, this.#requests.running?.id);
        return { type: "response", id: this.#requests.running?.id, response };
      case "untagged":
        if (response.name === "CAPABILITY") {
          this.#capabilities.readResponse(response.values, this.#requests.running?.id);
        }
        return { type: "response", id: this.#requests.running?.id, response };
    }
  }

  #onGreeting(response: ImapResponse): ImapClientEvent {
    if (response.type !== "status" || !["OK", "PREAUTH", "BYE"].includes(response.name)) {
      throw new RemoteProtocolError(
        'The server didn\'t begin with a greeting, "* OK …". Check that it is an IMAP server.',
      );
    }
    const { name, code, text } = response;
    if (name === "BYE") return this.#onBye({ code, text });
    this.#capabilities.readCode(code);
    this.#state = "open";
    this.#writeMore();
    return { type: "greeting", isAuthenticated: name === "PREAUTH", code, text };
  }

  #onBye({ code, text }: ResponseText): ImapClientEvent {
    // Only LOGOUT is still answered after that (RFC 9051, 7.1.5).
    if (this.#requests.running?.kind !== "logout") this.#state = "closing";
    return { type: "bye", ...this.#secrets.concealRefusal({ code, text }) };
  }

  #onContinuation(text: string): ImapClientEvent | undefined {
    const id = this.#requests.running?.id;
    switch (this.#requests.onContinuation()) {
      case "written":
        return undefined;
      case "running":
        return { type: "continuation", id: id!, text };
      case undefined:
        throw new RemoteProtocolError(
          `The server sent the continuation ${
            quoteText(this.#secrets.conceal(text))
          }, for which no ` +
            "command waited.",
        );
    }
  }

  #onAnswer({ tag, name, code, text }: TaggedResponse): ImapClientEvent | undefined {
    const request = this.#requests.running;
    if (request?.tag !== tag) {
      // To a server whose command has ended by itself, the word is a tag.
      if (tag === "DONE" && name === "BAD" && this.#requests.takeCrossedDone()) return undefined;
      throw new RemoteProtocolError(
        `The server answered a command with the tag ${quoteText(tag)}, which is not running` +
          (request === undefined ? "." : `; ${request.name} with ${quoteText(request.tag)} is.`),
      );
    }
    const answer: ImapAnswerEvent = {
      ...{ type: "answer", id: request.id, status: name as ImapAnswerEvent["status"] },
      // The code of an OK is data, and in no message.
      ...(name === "OK"
        ? { code, text: this.#secrets.conceal(text) }
        : this.#secrets.concealRefusal({ code, text })),
    };
    if (name === "OK" && request.kind === "start-tls") {
      this.#state = "starting-tls";
      this.#delayed = answer;
      return { type: "start-tls" };
    }
    this.#capabilities.readCode(code, request.id);
    if (name === "OK" && request.kind === "login") this.#capabilities.keepOnlyOf(request.id);
    if (name === "OK" && request.kind === "logout") this.#state = "closing";
    return this.#answer(answer);
  }

  #startedTls(answer: ImapAnswerEvent): ImapAnswerEvent {
    this.#delayed = undefined;
    this.#capabilities.forget();
    return this.#answer(answer);
  }

  /** Ends the running command. What was not written yet of it is never written. */
  #answer(answer: ImapAnswerEvent): ImapAnswerEvent {
    this.#requests.answered();
    this.#writeMore();
    return answer;
  }

  #send(
    command: ImapClientCommand,
    how: { readonly kind: RequestKind; readonly reply?: Uint8Array },
  ): number {
    if (!this.isOpen) {
      throw new LocalProtocolError(
        `Cannot send ${command.name}: the conversation is over. Connect again.`,
      );
    }
    const id = this.#requests.add(command, how);
    this.#writeMore();
    return id;
  }

  /** Writes the next command if it may be written. */
  #writeMore(): void {
    if (this.#state === "open") this.#requests.writeNext();
  }

  #fail(error: unknown): unknown {
    if (!(error instanceof DovewireError)) return error;
    const { cause } = error;
    const limit = error instanceof RemoteProtocolError ? error.limit : undefined;
    const message = this.#secrets.conceal(error.message);
    this.#failure = new RemoteProtocolError(message, {
      ...{ cause, limit, unanswered: this.unanswered },
    });
    this.#state = "failed";
    this.#output.clear();
    return this.#failure;
  }
}

const unexpectedGreeting = "The server sent PREAUTH, which is a greeting, after its greeting.";

/** The error for unencrypted bytes after the server agreed to TLS. */
function clearBytesError(): RemoteProtocolError {
  return new RemoteProtocolError(
    "The server sent unencrypted bytes after it agreed to TLS. None of them was used, and no password was " +
      "sent: check for a man in the middle.",
  );
}
