/**
 * The server's side of a relay.
 *
 * @module
 */

import { OutputQueue, plainBytes } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { checkCount } from "../option_checks.ts";
import type { Protocol } from "../protocol.ts";
import { Queue } from "../queue.ts";
import { archiveItems, type StateArchive } from "../state_archive.ts";
import {
  capabilitiesIn,
  type CapabilityRewrite,
  rewriteCapabilities,
  rewriteCapabilityResponse,
} from "./capability.ts";
import type { Conversation } from "./conversation.ts";
import type { LoginEvent } from "./conversation_events.ts";
import { completeImapLimits } from "./limits.ts";
import { relayedCapabilities } from "./relay_commands.ts";
import type {
  ImapRelayProtocolOptions,
  ImapRelayUpstreamEvent,
  RelayAcceptance,
} from "./relay_events.ts";
import { RelayLogins } from "./relay_logins.ts";
import { RelayPassThrough } from "./relay_pass_through.ts";
import { asLineText } from "./response_lines.ts";
import { type ResponseFrame, ResponseReader, type StatusFrame } from "./response_reader.ts";
import { UpstreamCheck } from "./upstream_check.ts";
import { UpstreamIdle } from "./upstream_idle.ts";
import { listedIn, type LoginNews, UpstreamLogin, type Verdict } from "./upstream_login.ts";

/** How many bytes may wait for either peer before no more are read from the other. */
export const highWaterMark = 262_144;

/** How long a server may take to close the connection after its BYE, in milliseconds. */
const byeGrace = 5000;

/** What the client is told where the server behind is gone, or can't be understood. */
const unavailable = "[UNAVAILABLE] The mail server is not available. Try again later.";

/**
 * The server's side of a relay, as {@linkcode ImapRelayProtocol.upstream}: its bytes come in, and what the relay
 * sends it goes out.
 */
export class RelayUpstream implements Protocol<ImapRelayUpstreamEvent> {
  /** What passes the client's commands on. */
  readonly passThrough: RelayPassThrough;
  /**
   * "login": up to the client's login; "securing": TLS is being started; "deciding": the server has answered a
   * login, and the owner decides; "passing"; "closing": the "end" is due; "over": it was emitted; "failed".
   */
  #state: "login" | "securing" | "deciding" | "passing" | "closing" | "over" | "failed" = "login";
  readonly #reader: ResponseReader;
  readonly #output = new OutputQueue();
  readonly #events = new Queue<ImapRelayUpstreamEvent>();
  #conversation!: Conversation;
  readonly #login: UpstreamLogin;
  readonly #logins: RelayLogins;
  readonly #idle: UpstreamIdle;
  readonly #check: UpstreamCheck;
  /** Where the client's half-close is: "waiting" until nothing more goes to the server, or "passed" on. */
  #clientEnd: "none" | "waiting" | "passed" = "none";
  /** Of what the server lists to a client that is logged in, or is about to be. */
  readonly #rewrite: CapabilityRewrite;
  #lastTag = 0;
  #hasEnded = false;
  #failure: unknown;
  /** Whether the client's side has something to write or to tell. */
  #concernsClient = false;
  /** When the server said BYE: "now" until the time is known. */
  #saidBye: "no" | "now" | number = "no";
  #hasIdle = false;
  /** Of how many bytes of output the client's side has told. */
  #toldOutput = 0;
  /** Whether there are events that the client's side hasn't told of. */
  #hasNews = false;
  /** What to say at the end, once it is asked for. */
  #farewell: string | undefined;
  /** Whether a custom command runs that ends by itself. */
  #isBusy = false;

  /** Creates one that awaits the greeting. Throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(options: ImapRelayProtocolOptions) {
    const limits = completeImapLimits(options.limits);
    const nextTag = () => `~${++this.#lastTag}`;
    this.#reader = new ResponseReader(limits);
    this.#login = new UpstreamLogin({
      id: options.upstreamId,
      startTls: options.upstreamStartTls ?? false,
      limits,
      write: (bytes) => this.#output.push(bytes),
      nextTag,
    });
    this.#idle = new UpstreamIdle({
      output: this.#output,
      nextTag,
      onStopped: () => {
        this.passThrough.resume();
        this.#closeWrite();
      },
    });
    this.#check = new UpstreamCheck({ output: this.#output, nextTag });
    const { maxOpenCommands = 100, commands = [] } = options;
    checkCount("maxOpenCommands", maxOpenCommands, 1);
    this.#rewrite = relayedCapabilities(
      commands.flatMap(({ capability }) => capability === undefined ? [] : [capability]),
    );
    this.#logins = new RelayLogins(this.#login, this.#rewrite);
    this.passThrough = new RelayPassThrough({
      output: this.#output,
      idle: this.#idle,
      check: this.#check,
      isOwnTag: (tag) => /^~\d+$/.test(tag),
      maxOpenCommands,
      onInputEnd: () => this.#inputEnd(),
    });
  }

  /** Sets the conversation with the client. */
  attach(conversation: Conversation): void {
    this.#conversation = conversation;
    this.#logins.attach(conversation);
    this.passThrough.attach(conversation);
  }

  /** Whether commands go to the server, and its responses to the client. */
  get isPassing(): boolean {
    return this.#state === "passing";
  }

  /**
   * Passes all of its state through an archive, which is only allowed while {@linkcode isPassing}: of the login
   * nothing is left then.
   */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    state.part(this.passThrough);
    state.part(this.#reader);
    state.part(this.#output);
    archiveItems(state, this.#events);
    state.part(this.#idle);
    state.part(this.#check);
    this.#clientEnd = state.value(this.#clientEnd);
    this.#lastTag = state.value(this.#lastTag);
    this.#hasEnded = state.value(this.#hasEnded);
    this.#concernsClient = state.value(this.#concernsClient);
    this.#saidBye = state.time(this.#saidBye);
    this.#hasIdle = state.value(this.#hasIdle);
    this.#toldOutput = state.value(this.#toldOutput);
    this.#hasNews = state.value(this.#hasNews);
    this.#farewell = state.value(this.#farewell);
    this.#isBusy = state.value(this.#isBusy);
  }

  /** How many bytes wait to be taken with {@linkcode takeOutput}. */
  get pendingOutput(): number {
    return this.#output.pushed - this.#output.taken;
  }

  /** Whether more should be read from the server: not while the client leaves much unread. */
  get mayRead(): boolean {
    return this.#state !== "deciding" && this.#state !== "securing" &&
      this.#conversation.pendingOutput < highWaterMark;
  }

  /** When to call {@linkcode handleTimeout}; `undefined` for never. */
  get deadline(): number | undefined {
    if (this.#isOver) return undefined;
    if (this.#saidBye === "no") return this.#idle.deadline;
    return this.#saidBye === "now" ? 0 : this.#saidBye + byeGrace;
  }

  /** Passes the current time. */
  handleTimeout(now: number): void {
    if (this.#isOver) return;
    if (this.#saidBye === "no") this.#idle.handleTimeout(now);
    else if (this.#saidBye === "now") this.#saidBye = now;
    else if (now >= this.#saidBye + byeGrace) this.end();
  }

  /** Takes bytes that arrived from the server. The chunk belongs to the protocol from here on. */
  receive(chunk: Uint8Array): void {
    if (this.#hasEnded) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    const bytes = plainBytes(chunk);
    if (!this.#isOver && bytes.length > 0) this.#reader.receive(bytes);
  }

  /** Ends the input: the server will send no more. */
  receiveEnd(): void {
    this.#hasEnded = true;
    this.#reader.receiveEnd();
    // The TLS handshake has failed.
    if (this.#state === "securing") this.end(unavailable);
  }

  /**
   * The next event in wire order, or `undefined` if it takes more bytes, or a decision.
   *
   * Throws a {@linkcode RemoteProtocolError} if the server broke the protocol, and rethrows the same error
   * afterwards. An "output" event goes before, since the client is told with BYE.
   */
  nextEvent(): ImapRelayUpstreamEvent | undefined {
    if (this.#failure === undefined) {
      try {
        return this.#next();
      } catch (error) {
        this.#fail(error);
      }
    }
    // The client is told first.
    const output = this.#nextOutput();
    if (output !== undefined) return output;
    throw this.#failure;
  }

  /** Bytes for the server, oldest first, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.take();
  }

  /** Call this when the transport is encrypted, after a "start-tls" event. */
  tlsStarted(): void {
    this.#login.tlsStarted();
    if (this.#state === "securing") this.#state = "login";
  }

  /** Sends a client's login. */
  logIn(event: LoginEvent): void {
    const verdict = this.#logins.begin(event);
    if (verdict !== undefined) this.#decide(verdict);
  }

  /** The owner lets the client in whom the server has accepted. */
  acceptLogin(id: number, acceptance: RelayAcceptance): void {
    this.#logins.accept(id, acceptance);
    this.#hasIdle = this.#login.capabilities.some((word) => /^IDLE$/i.test(word));
    this.#login.forget();
    this.#concernsClient = true;
    if (!this.#isOver) this.#state = "passing";
  }

  /** The owner passes the server's refusal on, or refuses a client whom the server has accepted. */
  refuseLogin(id: number, text: string | undefined): void {
    const wasAccepted = this.#logins.refuse(id, text);
    this.#concernsClient = true;
    if (!this.#isOver) this.#state = "login";
    if (wasAccepted) this.end(unavailable);
  }

  /** Keeps the server company while a long-running command of the client's does; `isBusy` is whether any runs. */
  sync({ runsLong, isBusy }: { readonly runsLong: boolean; readonly isBusy: boolean }): void {
    if (this.#state !== "passing") return;
    if (runsLong) this.#idle.start(this.#hasIdle);
    else this.#idle.stop();
    this.#isBusy = isBusy;
    this.#endIfQuiet();
  }

  /** Ends both conversations as soon as no command waits for its answer, and lets none begin meanwhile. */
  shutDown(text: string): void {
    this.passThrough.close();
    this.#farewell = text;
    this.#endIfQuiet();
  }

  /** Ends both conversations; with a text, the client is told with BYE. */
  end(text?: string): void {
    this.#conversation.close(text);
    this.#concernsClient = true;
    this.ended();
  }

  /** Whether this side has something to write or to tell that its caller doesn't know of; asked once for each. */
  takeConcern(): boolean {
    const { pushed } = this.#output;
    const isNew = pushed > this.#toldOutput || this.#hasNews;
    this.#toldOutput = pushed;
    this.#hasNews = false;
    return isNew;
  }

  /** Learns that the conversation with the client is over. */
  ended(): void {
    if (!this.#isOver) this.#state = "closing";
  }

  #endIfQuiet(): void {
    if (this.#farewell === undefined || this.#isOver || this.#isBusy) return;
    if (this.#state !== "passing" || this.passThrough.isQuiet) this.end(this.#farewell);
  }

  get #isOver(): boolean {
    return this.#state === "closing" || this.#state === "over" || this.#state === "failed";
  }

  #next(): ImapRelayUpstreamEvent | undefined {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#isOver) return this.#nextAtEnd();
      // What waits for the end of a response follows the first one, however the bytes came.
      const toBoundary = this.#conversation.awaitsBoundary;
      const frame = this.#isReading ? this.#reader.next({ toBoundary }) : undefined;
      if (frame !== undefined) {
        this.#concernsClient = true;
        this.#take(frame);
      } else if (this.#isReading && this.#reader.isAtEnd) {
        // Where the server has said goodbye, or the client has gone, its end is in order.
        this.end(this.#saidBye === "no" && this.#clientEnd === "none" ? unavailable : undefined);
      } else return this.#nextOutput();
    }
  }

  #nextAtEnd(): ImapRelayUpstreamEvent | undefined {
    const output = this.#nextOutput();
    if (output !== undefined || this.#state !== "closing") return output;
    this.#state = "over";
    return { type: "end" };
  }

  #nextOutput(): ImapRelayUpstreamEvent | undefined {
    if (!this.#concernsClient) return undefined;
    this.#concernsClient = false;
    return { type: "output" };
  }

  /** Whether the server's bytes are looked at now. */
  get #isReading(): boolean {
    return this.#state === "login" || this.#state === "passing";
  }

  #take(frame: ResponseFrame): void {
    if (frame.type === "status" && frame.kind === "untagged" && frame.name === "BYE") {
      this.#takeBye(frame);
    } else if (this.#state === "passing") this.#pass(frame);
    else for (const news of this.#login.take(frame)) this.#tell(news);
  }

  #tell(news: LoginNews): void {
    switch (news.type) {
      case "start-tls":
        // Somebody else may have put in what comes unencrypted after the answer.
        if (this.#reader.size > 0) {
          throw new RemoteProtocolError(
            "The server sent something unencrypted after its answer to STARTTLS.",
          );
        }
        this.#state = "securing";
        this.#push(news);
        return;
      case "ready":
        if (this.#login.serverId !== undefined) {
          this.#conversation.setServerId(this.#login.serverId);
        }
        this.#conversation.greet({
          capabilities: rewriteCapabilities(this.#login.capabilities, relayedCapabilities([])),
          text: news.text,
        });
        return;
      case "untrusted":
        this.#push(news);
        return;
      case "pass":
        this.#conversation.sendRaw(this.#rewritten(news.frame), true);
        return;
      case "verdict":
        this.#decide(news);
    }
  }

  #decide(verdict: Verdict): void {
    this.#state = "deciding";
    this.#push(this.#logins.decide(verdict));
  }

  #takeBye(frame: StatusFrame): void {
    // A server that repeats it has no more time.
    if (this.#saidBye === "no") this.#saidBye = "now";
    this.passThrough.close();
    if (this.#state === "passing") this.#conversation.sendRaw(frame.bytes, true);
    else {
      const { code, text } = frame;
      const written = code === undefined ? "" : `[${`${code.name} ${code.text}`.trim()}] `;
      this.end(asLineText(written + text));
    }
  }

  #pass(frame: ResponseFrame): void {
    if (frame.type === "pass") this.#conversation.sendRaw(frame.bytes, frame.atBoundary);
    else if (frame.kind === "continuation") this.passThrough.continue(frame);
    else if (frame.kind === "untagged") this.#passUntagged(frame);
    else if (this.#check.answer(frame)) this.passThrough.resume();
    else if (!this.#idle.answer(frame)) {
      this.passThrough.answer(frame, this.#rewritten(frame));
      this.#endIfQuiet();
    }
  }

  #passUntagged(frame: StatusFrame): void {
    const { name, code } = frame;
    // A keepalive of the relay's own IDLE is for nobody, nor are answers of its own CAPABILITY.
    if (this.#idle.isOn && name === "OK" && code === undefined) return;
    if (this.#check.isOn && name === "CAPABILITY" && !this.passThrough.awaits(name)) return;
    if (code?.name === "CLOSED") this.#conversation.select(undefined);
    this.#conversation.sendRaw(this.#rewritten(frame), true);
  }

  /** A status response with its capabilities rewritten, which the conversation learns. */
  #rewritten(frame: StatusFrame): Uint8Array {
    const list = listedIn(frame);
    if (list === undefined) return frame.bytes;
    if (this.#state === "passing") {
      const listed = rewriteCapabilities(capabilitiesIn(list), relayedCapabilities([]));
      this.#conversation.setCapabilities(listed);
    }
    return rewriteCapabilityResponse(frame.bytes, this.#rewrite);
  }

  #push(event: ImapRelayUpstreamEvent): void {
    this.#events.push(event);
    this.#hasNews = true;
  }

  /** Passes the client's half-close on; returns whether the server's last answers are awaited. */
  #inputEnd(): boolean {
    if (this.#state !== "passing") return false;
    this.#clientEnd = "waiting";
    // The DONE of the relay's own IDLE goes before.
    if (this.#idle.stop()) this.#closeWrite();
    return true;
  }

  #closeWrite(): void {
    if (this.#clientEnd !== "waiting") return;
    this.#clientEnd = "passed";
    this.#push({ type: "close-write" });
  }

  #fail(error: unknown): void {
    if (!(error instanceof RemoteProtocolError)) throw error;
    this.end(unavailable);
    const { limit, cause } = error;
    // The server may have repeated what it was sent.
    const message = this.#logins.conceal(error.message);
    this.#failure = new RemoteProtocolError(message, { limit, cause });
    this.#state = "failed";
    this.#output.clear();
  }
}
