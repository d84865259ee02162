/**
 * The client side of the doveadm protocol, 1.0 to 1.4.
 *
 * Source: Dovecot's src/doveadm/client-connection-tcp.c and src/lib-doveadm/doveadm-client.c.
 *
 * @module
 */

import { encodeUtf8, OutputQueue, plainBytes } from "../bytes.ts";
import { DovewireError, LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { NumberedQueue } from "../numbered_queue.ts";
import { checkOptions, shownValue } from "../option_checks.ts";
import type { Concealer } from "../peer_text.ts";
import type { Protocol } from "../protocol.ts";
import { ClientHandshake } from "./client_handshake.ts";
import {
  defaultClientLimits,
  type DoveadmClientEvent,
  type DoveadmClientLimits,
  type DoveadmClientProtocolOptions,
} from "./client_options.ts";
import { checkCommand, type DoveadmCommand, encodeCommand, nameForMessages } from "./command.ts";
import { DotStuffer } from "./dot_stuffing.ts";
import { checkLimits, noTlsAsked } from "./handshake_options.ts";
import { type LogLine, LogReader } from "./log.ts";
import {
  Demultiplexer,
  LOG_CHANNEL,
  MAIN_CHANNEL,
  type Segment,
  SingleChannel,
} from "./multiplex.ts";
import type { DoveadmReply } from "./reply.ts";
import { ReplyReader, type Streaming } from "./reply_reader.ts";

/** A request without a reply. */
interface Request {
  readonly id: number;
  readonly name: string;
  readonly streamed: Streaming;
  readonly line: Uint8Array;
  /** Stuffs the input; `undefined` for a command without input and after the input has ended. */
  stuffer: DotStuffer | undefined;
  readonly takesInput: boolean;
  /** Input that can't be written yet. */
  waiting: Uint8Array[];
  /** The position of its line in the output; `undefined` if it isn't written yet. */
  outputAt: number | undefined;
}

const optionLine = encodeUtf8("\t\tOPTION\tlog-passthrough\n");

/**
 * The client side of one doveadm connection, as a value that never touches a socket.
 *
 * @example A session with prepared bytes of a server
 * ```ts
 * import { DoveadmClientProtocol } from "@dovewire/dovewire/core/doveadm";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const protocol = new DoveadmClientProtocol();
 * const id = protocol.send({ name: "mailbox list", user: "alice" });
 * assert.equal(decodeUtf8(protocol.takeOutput()!), "VERSION\tdoveadm-server\t1\t4\n");
 *
 * protocol.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n+\n"));
 * assert.deepEqual(protocol.nextEvent(), { type: "ready", minor: 2, preauthenticated: true });
 * assert.equal(decodeUtf8(protocol.takeOutput()!), "\talice\tmailbox list\n");
 *
 * protocol.receive(encodeUtf8("\0\0\0\0\x0bINBOX\tSent\t\0\0\0\0\x03\n+\n"));
 * const reply = protocol.nextEvent();
 * assert(reply?.type === "reply" && reply.ok && reply.id === id);
 * assert.deepEqual(reply.fields, ["INBOX", "Sent"]);
 * ```
 */
export class DoveadmClientProtocol implements Protocol<DoveadmClientEvent> {
  /**
   * "handshake": versions, TLS and the login; "open": commands and replies; "closing": nothing more is
   * read, the rest of the log and the "end" event are due; "over": that was emitted; "failed".
   */
  #state: "handshake" | "open" | "closing" | "over" | "failed" = "handshake";
  #handshake: ClientHandshake;
  #logPassthrough: boolean;
  #limits: DoveadmClientLimits;
  #output = new OutputQueue();
  #ended = false;
  #failure: DovewireError | undefined;

  /** The requests without a reply, by their ids. */
  #requests = new NumberedQueue<Request>();
  /** The oldest request that is not completely in the output. */
  #tail = 1;

  #channels: Demultiplexer | SingleChannel = new SingleChannel();
  #segment: Segment | undefined;
  #logAt = 0;
  #concealer: Concealer;
  #replies: ReplyReader;
  #log: LogReader;

  /** Creates a protocol; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(options: DoveadmClientProtocolOptions = {}) {
    checkOptions(options, { objects: ["limits"], booleans: ["logPassthrough"] });
    this.#limits = { ...defaultClientLimits, ...options.limits };
    checkLimits(this.#limits);
    this.#handshake = new ClientHandshake(options, this.#limits.handshakeLine, this.#output);
    this.#logPassthrough = options.logPassthrough ?? false;
    this.#concealer = this.#handshake.concealer;
    this.#replies = new ReplyReader(this.#limits, this.#concealer);
    this.#log = new LogReader(this.#limits.logLine);
  }

  /** Whether {@linkcode send} accepts requests: the conversation is neither over nor broken. */
  get isOpen(): boolean {
    return this.#state === "handshake" || this.#state === "open";
  }

  /** The error that {@linkcode nextEvent} threw, which ended the conversation; `undefined` before. */
  get failure(): DovewireError | undefined {
    return this.#failure;
  }

  /** The requests without a reply, oldest first. */
  get unanswered(): readonly number[] {
    return Array.from(this.#requests, ({ id }) => id);
  }

  /**
   * Whether a request without a reply was taken, at least in part, with {@linkcode takeOutput}, so that the
   * server may have run it.
   */
  isSent(id: number): boolean {
    return this.#hasLeft(this.#request(id));
  }

  /**
   * Sends a command and returns the request's id: 1, 2, 3 … in wire order.
   *
   * It is written after the handshake and after the input of the previous command. Throws a {@linkcode
   * LocalProtocolError} for an invalid command, and after the end of the conversation.
   */
  send(command: DoveadmCommand): number {
    checkCommand(command);
    const { name, extraFields, input = false, streamed = false } = command;
    if (!this.isOpen) {
      throw new LocalProtocolError(
        `Cannot send ${nameForMessages(name)}: the conversation is over. Connect again.`,
      );
    }
    if (extraFields !== undefined && !(this.#state === "open" && this.#handshake.minor >= 3)) {
      throw new LocalProtocolError(
        `Cannot send ${
          nameForMessages(name)
        } with extra fields: they need protocol 1.3, and the session ` +
          (this.#state === "open"
            ? `speaks 1.${this.#handshake.minor}. Leave them out.`
            : 'isn\'t "ready" yet. Wait for that event and check its "minor".'),
      );
    }
    const line = encodeCommand(command);
    const id = this.#requests.push({
      id: this.#requests.last + 1,
      name,
      streamed,
      line,
      stuffer: input ? new DotStuffer() : undefined,
      takesInput: input,
      waiting: [],
      outputAt: undefined,
    });
    this.#fillOutput();
    return id;
  }

  /**
   * Writes the next bytes of a command's input, which are dot-stuffed on the wire and belong to the
   * protocol from here on. After the reply they are discarded: a server that refuses a command doesn't wait
   * for its input.
   *
   * Throws a {@linkcode LocalProtocolError} for a request without input or whose input has ended.
   */
  write(id: number, chunk: Uint8Array): void {
    const request = this.#openInput(id);
    if (request === undefined) return;
    // Not push(...): an input of many short lines has more pieces than a call may have arguments.
    for (const piece of request.stuffer!.push(plainBytes(chunk))) request.waiting.push(piece);
    this.#fillOutput();
  }

  /** Ends a command's input. Throws as {@linkcode write} does. */
  end(id: number): void {
    const request = this.#openInput(id);
    if (request === undefined) return;
    request.waiting.push(...request.stuffer!.end());
    request.stuffer = undefined;
    this.#fillOutput();
  }

  /** Call this when the transport is encrypted, after a "start-tls" event; the login follows. */
  tlsStarted(): void {
    if (this.#state !== "handshake") throw noTlsAsked();
    this.#handshake.tlsStarted();
  }

  /** Ends the conversation on this side; output that wasn't taken is discarded. */
  close(): void {
    if (this.#state === "over" || this.#state === "failed") return;
    this.#state = "closing";
    this.#segment = undefined;
    this.#channels = new SingleChannel();
    this.#output.clear();
  }

  /** Takes bytes that arrived from the server. The chunk belongs to the protocol from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#ended) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    const bytes = plainBytes(chunk);
    if (this.#state === "handshake") this.#handshake.receive(bytes);
    else if (this.#state === "open") this.#channels.push(bytes);
  }

  /** Ends the input: the server will send no more. */
  receiveEnd(): void {
    this.#ended = true;
  }

  /**
   * The next event in wire order, or `undefined` if more bytes are needed.
   *
   * Throws a {@linkcode RemoteProtocolError} if the server broke the protocol, and an `AuthenticationError`
   * if it requires a password that is missing or refuses the given one; rethrows the same error afterwards.
   */
  nextEvent(): DoveadmClientEvent | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      for (;;) {
        switch (this.#state) {
          case "handshake": {
            const event = this.#handshake.nextEvent(this.#ended);
            if (event === undefined) {
              this.#fillOutput();
              if (!this.#ended) return undefined;
              this.#state = "closing";
              continue;
            }
            if (event.type === "ready") this.#open();
            return event;
          }
          case "open": {
            const event = this.#nextInConversation();
            if (event !== undefined) return event;
            if ((this.#state as string) !== "open") continue;
            if (!this.#ended) return undefined;
            this.#state = "closing";
            continue;
          }
          case "closing": {
            const line = this.#log.end();
            if (line !== undefined) return this.#logEvent(line);
            this.#state = "over";
            this.#output.clear();
            return { type: "end", unanswered: this.unanswered };
          }
          case "over":
          case "failed":
            return undefined;
        }
      }
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * Whether it refers to any chunk that it has received. If not, after {@linkcode nextEvent} has returned
   * `undefined`, only events refer to them: "field" and "values" by their chunk, "reply" by its fields unless
   * the command is streamed.
   */
  get holdsInput(): boolean {
    return this.#state !== "open" || this.#segment !== undefined || this.#channels.size > 0 ||
      this.#replies.holdsInput || this.#log.holdsInput;
  }

  /** Bytes to write, oldest first, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.take();
  }

  /**
   * When to call {@linkcode handleTimeout}: only until it is clear whether the server is one of the oldest,
   * which send no version.
   */
  get deadline(): number | undefined {
    return this.#state === "handshake" ? this.#handshake.deadline : undefined;
  }

  /** Passes the current time, in milliseconds. */
  handleTimeout(now: number): void {
    if (this.#state === "handshake") this.#handshake.handleTimeout(now);
  }

  /** The request whose reply comes next, if any of it was sent. */
  #running(): Request | undefined {
    const request = this.#requests.first;
    return this.#hasLeft(request) ? request : undefined;
  }

  #hasLeft(request: Request | undefined): boolean {
    const at = request?.outputAt;
    return at !== undefined && at < this.#output.taken;
  }

  #request(id: number): Request | undefined {
    if (typeof id === "number") return this.#requests.get(id);
    throw new LocalProtocolError(
      `A request's id is ${shownValue(id)}. Use the number that send() returned.`,
    );
  }

  #openInput(id: number): Request | undefined {
    const request = this.#request(id);
    if (request === undefined && id >= 1 && id <= this.#requests.last) return undefined;
    if (request?.stuffer === undefined) {
      throw new LocalProtocolError(
        request === undefined
          ? `There is no request ${id}. Use the id that send() returned.`
          : request.takesInput
          ? `The input of request ${id}, ${nameForMessages(request.name)}, has ended already.`
          : `Request ${id}, ${nameForMessages(request.name)}, takes no input. Set "input".`,
      );
    }
    return request;
  }

  /** Writes to the output what may be sent now. */
  #fillOutput(): void {
    const mayWrite = this.#state === "open" ||
      (this.#state === "handshake" && this.#handshake.authenticated);
    if (!mayWrite) return;
    for (let request; (request = this.#requests.get(this.#tail)) !== undefined; this.#tail++) {
      if (request.outputAt === undefined) {
        request.outputAt = this.#output.pushed;
        this.#output.push(request.line);
      }
      if (request.waiting.length > 0) {
        for (const chunk of request.waiting) this.#output.push(chunk);
        request.waiting = [];
      }
      if (request.stuffer !== undefined) return;
    }
  }

  /** Ends the handshake: the remaining bytes are the start of the conversation. */
  #open(): void {
    const { minor } = this.#handshake;
    this.#channels = minor >= 1 ? new Demultiplexer() : new SingleChannel();
    for (let rest; (rest = this.#handshake.takeRest()) !== undefined;) this.#channels.push(rest);
    this.#state = "open";
    if (this.#logPassthrough && minor >= 3) this.#output.push(optionLine);
    this.#fillOutput();
  }

  #nextInConversation(): DoveadmClientEvent | undefined {
    for (;;) {
      this.#segment ??= this.#nextSegment();
      if (this.#segment === undefined) return undefined;
      const { channel, end } = this.#segment;
      const event = channel === MAIN_CHANNEL
        ? this.#readReply(this.#segment)
        : this.#readLog(this.#segment);
      const at = channel === MAIN_CHANNEL ? this.#replies.at : this.#logAt;
      if (at === end) this.#segment = undefined;
      if (event !== undefined) return event;
      if (this.#state !== "open") return undefined;
    }
  }

  /** The next range of a channel that is read. */
  #nextSegment(): Segment | undefined {
    for (let segment; (segment = this.#channels.next()) !== undefined;) {
      if (segment.channel === MAIN_CHANNEL) this.#replies.at = segment.start;
      else if (segment.channel === LOG_CHANNEL) this.#logAt = segment.start;
      else continue;
      return segment;
    }
    this.#replies.forgetChunk();
  }

  #readLog({ bytes, end }: Segment): DoveadmClientEvent | undefined {
    const { line, next } = this.#log.read(bytes, this.#logAt, end);
    this.#logAt = next;
    return line && this.#logEvent(line);
  }

  #logEvent({ level, message }: LogLine): DoveadmClientEvent {
    const id = this.#running()?.id;
    return { type: "log", id, level, message: this.#concealer.conceal(message) };
  }

  #readReply({ bytes, end, clearTo }: Segment): DoveadmClientEvent | undefined {
    const request = this.#running();
    if (request === undefined) {
      throw strayBytes(this.#concealer.quote(bytes.subarray(this.#replies.at, end)));
    }
    const event = this.#replies.read(bytes, end, request, clearTo);
    if (event?.type === "reply") this.#answered(request, event);
    return event;
  }

  #answered(request: Request, reply: DoveadmReply): void {
    this.#requests.delete(request.id);
    if (!request.takesInput) return;
    const refused = !reply.ok && (reply.code === "USAGE" || reply.code === "");
    if (request.stuffer === undefined && !refused) return;
    // The server reads the input as commands now. Its first line can't be one, so that the server
    // closes the connection there; the rest of the input is never written.
    this.close();
  }

  #fail(error: unknown): unknown {
    if (!(error instanceof DovewireError)) return error;
    const failure = error instanceof RemoteProtocolError
      ? new RemoteProtocolError(error.message, {
        cause: error.cause,
        limit: error.limit,
        unanswered: this.unanswered,
      })
      : error;
    this.#failure = failure;
    this.#state = "failed";
    this.#output.clear();
    this.#segment = undefined;
    this.#channels = new SingleChannel();
    return failure;
  }
}

/** The error for bytes of the conversation that belong to no request. */
function strayBytes(quoted: string): RemoteProtocolError {
  return new RemoteProtocolError(
    `The server sent ${quoted} while no request was running. Dovecot sends the rows of some ` +
      'commands ("instance list", "service status" …) after their reply if they aren\'t the first ' +
      "of a connection: use a separate connection for such a command.",
  );
}
