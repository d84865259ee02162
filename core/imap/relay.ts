/**
 * A relay between a client and an IMAP server.
 *
 * Source: RFC 9051, 3501, 7888 and 2177; what Dovecot 2.3 and 2.4 do.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import type { Protocol } from "../protocol.ts";
import { freeze, type StateArchive, thaw, type ThawOptions } from "../state_archive.ts";
import type { CommandDefinition } from "./command_definition.ts";
import { Conversation } from "./conversation.ts";
import type { ResponsePart, TaggedResult } from "./conversation_events.ts";
import type {
  ImapRelayClientEvent,
  ImapRelayProtocolOptions,
  ImapRelayUpstreamEvent,
  RelayAcceptance,
} from "./relay_events.ts";
import { highWaterMark, RelayUpstream } from "./relay_upstream.ts";
import type { ImapSession } from "./session.ts";

/** One side of a relay: a protocol of its own. */
export interface ImapRelaySide<Event> extends Protocol<Event> {
  /** How many bytes wait to be taken with `takeOutput()`. */
  readonly pendingOutput: number;
  /** Whether more should be read from this peer: not while the other one leaves much unread. */
  readonly mayRead: boolean;
  /** Call this when the transport is encrypted, after a "start-tls" event of this side. */
  tlsStarted(): void;
}

/**
 * A relay in front of an IMAP server, as a value with two sides: {@linkcode client} and {@linkcode upstream}. Each is
 * a protocol of its own, with its own bytes and events, for a driver of its own. What comes in on one side and
 * concerns the other is told by an "output" event: write the other side's output, and ask for its events. After
 * each call of the relay itself, do so on both sides. At the "end" of a side, close its transport.
 *
 * Up to the login the relay talks for itself: it reads the server's greeting, asks for TLS, says by ID who the
 * client is, and sends each login in its own words, one at a time. No byte of the client's goes to the server
 * before it has accepted one, so that the user that the "logged-in" event names is the one that the server was
 * told. Afterwards the client's commands are passed on, whole and right ones only; each literal is announced to
 * the server as a synchronising one, and its data are sent only when the server asks for them. So the server
 * reads as commands what the relay read as commands, and nothing else.
 *
 * The server's responses are passed on as they are, but for the capabilities: those that the relay can't let
 * through are left out, those of the custom commands are added. Custom commands are events, as with an
 * `ImapServerProtocol`. While a long-running one runs, the relay sends the server an IDLE of its own, and what the
 * server tells of the mailbox goes to the client between the command's lines.
 *
 * @example A login, with both peers being only bytes
 * ```ts
 * import { ImapRelayProtocol } from "@dovewire/dovewire/core/imap";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const relay = new ImapRelayProtocol();
 * relay.upstream.receive(encodeUtf8("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready.\r\n"));
 * assert.deepEqual(relay.upstream.nextEvent(), { type: "output" });
 * assert.match(decodeUtf8(relay.client.takeOutput()!), /^\* OK \[CAPABILITY IMAP4rev1 /);
 *
 * relay.client.receive(encodeUtf8('a LOGIN alice "s3cret"\r\n'));
 * assert.deepEqual(relay.client.nextEvent(), { type: "output" });
 * assert.equal(decodeUtf8(relay.upstream.takeOutput()!), "~1 LOGIN alice s3cret\r\n");
 *
 * relay.upstream.receive(encodeUtf8("~1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n"));
 * const event = relay.upstream.nextEvent();
 * assert(event?.type === "logged-in" && event.user === "alice");
 * relay.acceptLogin(event.id);
 * assert.equal(
 *   decodeUtf8(relay.client.takeOutput()!),
 *   "a OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n",
 * );
 * ```
 */
export class ImapRelayProtocol {
  /** The form of frozen relays: bytes of another form can't be thawed. */
  // Raise it with each change of what an archive is passed here or in a part.
  static readonly frozenForm: number = 4;
  /** The client's side. */
  readonly client: ImapRelaySide<ImapRelayClientEvent> & {
    /** Takes what was read of the client's TLS handshake, after a "start-tls" event. */
    takeUnread(): Uint8Array;
  };
  /** The server's side. */
  readonly upstream: ImapRelaySide<ImapRelayUpstreamEvent>;
  readonly #conversation: Conversation;
  readonly #upstream: RelayUpstream;
  readonly #client: RelayClient;

  /** Creates a relay; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(options: ImapRelayProtocolOptions = {}) {
    this.#upstream = new RelayUpstream(options);
    this.#conversation = new Conversation({ ...options, passThrough: this.#upstream.passThrough });
    this.#upstream.attach(this.#conversation);
    this.#client = new RelayClient(this.#conversation, this.#upstream, options.commands ?? []);
    this.client = this.#client;
    this.upstream = this.#upstream;
  }

  /**
   * Creates a relay that goes on where a frozen one was. The options are those of the frozen one, or a later
   * version of them.
   *
   * Throws a {@linkcode LocalProtocolError} for invalid options, for bytes of another version's form, for damaged
   * ones, and if the command that ran isn't among the commands any more.
   */
  static thaw(
    frozen: Uint8Array,
    options: ImapRelayProtocolOptions = {},
    thawing: ThawOptions = {},
  ): ImapRelayProtocol {
    const relay = new ImapRelayProtocol(options);
    thaw({ archive: (state) => relay.#archive(state) }, frozen, {
      ...thawing,
      form: ImapRelayProtocol.frozenForm,
    });
    return relay;
  }

  /** Whether {@linkcode freeze} is possible: from the accepted login on, up to the end. */
  get mayFreeze(): boolean {
    return this.#upstream.isPassing;
  }

  /**
   * All of the relay as bytes, for {@linkcode thaw}: what both peers have sent and what they are still to read, the
   * commands under way, and the times. Neither peer notices. The relay isn't changed; use either it or the thawed
   * one.
   *
   * Throws a {@linkcode LocalProtocolError} before the login was accepted, and after the end.
   */
  freeze(): Uint8Array {
    if (!this.mayFreeze) {
      throw new LocalProtocolError(
        "The relay can't be frozen before a login was accepted, or after its end. Check mayFreeze.",
      );
    }
    return freeze({ archive: (state) => this.#archive(state) }, ImapRelayProtocol.frozenForm);
  }

  #archive(state: StateArchive): void {
    state.part(this.#conversation);
    state.part(this.#upstream);
    state.part(this.#client);
  }

  /** Who the client is, as of now. */
  get session(): ImapSession {
    return this.#conversation.session;
  }

  /** The id of the running custom command; `undefined` if none runs. */
  get running(): number | undefined {
    return this.#conversation.running;
  }

  /** Lets the client of a "logged-in" event in: its login is answered as the server did. */
  acceptLogin(id: number, acceptance: RelayAcceptance = {}): void {
    this.#upstream.acceptLogin(id, acceptance);
  }

  /**
   * Passes the server's refusal on, after a "login-refused" event. After a "logged-in" event, the client is
   * refused although the server has accepted it, and both conversations end; `text` is for the client.
   */
  refuseLogin(id: number, text?: string): void {
    this.#upstream.refuseLogin(id, text);
  }

  /** Sends an untagged response of the running custom command, as `ImapServerProtocol` does. */
  untagged(id: number, parts: readonly ResponsePart[]): boolean {
    return this.#conversation.untagged(id, parts);
  }

  /** Sends `+ TEXT` for the running custom command. */
  continue(id: number, text?: string): boolean {
    return this.#conversation.continue(id, text);
  }

  /** Ends the running custom command with its result. */
  finish(id: number, result: TaggedResult): void {
    this.#conversation.finish(id, result);
    this.#client.sync();
  }

  /** Ends the running custom command with NO, whatever its owner does. */
  cancel(id: number, text?: string): void {
    this.#conversation.cancel(id, text);
    this.#client.sync();
  }

  /** Whether the running custom command may send more; a "writable" event follows if not. */
  isWritable(id: number): boolean {
    return this.#conversation.isWritable(id);
  }

  /**
   * Ends both conversations with BYE and that text, when the commands that the server was sent are answered and
   * a custom command that isn't a long-running one is over; at once if there are none. No further command begins.
   */
  shutDown(text: string): void {
    this.#upstream.shutDown(text);
  }

  /** Ends both conversations now; with a text, the client is told with BYE. */
  close(text?: string): void {
    this.#upstream.end(text);
  }
}

/** The client's side: its conversation, with its logins sent to the server. */
class RelayClient implements ImapRelaySide<ImapRelayClientEvent> {
  readonly #conversation: Conversation;
  readonly #upstream: RelayUpstream;
  readonly #commands: readonly CommandDefinition[];
  /** The running command, and whether the client waits for nothing; `undefined` if none runs. */
  #running: { readonly id: number; readonly isLong: boolean } | undefined;

  constructor(
    conversation: Conversation,
    upstream: RelayUpstream,
    commands: readonly CommandDefinition[],
  ) {
    this.#conversation = conversation;
    this.#upstream = upstream;
    this.#commands = commands;
  }

  get pendingOutput(): number {
    return this.#conversation.pendingOutput;
  }

  get mayRead(): boolean {
    return this.#conversation.mayRead && this.#upstream.pendingOutput < highWaterMark;
  }

  get deadline(): number | undefined {
    return this.#conversation.deadline;
  }

  handleTimeout(now: number): void {
    this.#conversation.handleTimeout(now);
  }

  receive(chunk: Uint8Array): void {
    this.#conversation.receive(chunk);
  }

  receiveEnd(): void {
    this.#conversation.receiveEnd();
  }

  nextEvent(): ImapRelayClientEvent | undefined {
    for (;;) {
      const event = this.#conversation.nextEvent();
      if (event?.type === "command") {
        const definition = this.#commands.find(({ name }) => name === event.name);
        this.#running = { id: event.id, isLong: definition?.isLongRunning === true };
      } else if (event?.type === "done") {
        // From here on the client waits for the result.
        this.#running = { id: event.id, isLong: false };
      }
      this.sync();
      if (event?.type === "login") {
        this.#upstream.logIn(event);
        continue;
      }
      if (event?.type === "end") this.#upstream.ended();
      return event ?? this.#nextOutput();
    }
  }

  takeOutput(): Uint8Array | undefined {
    return this.#conversation.takeOutput();
  }

  takeUnread(): Uint8Array {
    return this.#conversation.takeUnread();
  }

  tlsStarted(): void {
    this.#conversation.tlsStarted();
  }

  /** Passes what runs through an archive. */
  archive(state: StateArchive): void {
    this.#running = state.value(this.#running);
  }

  /** Tells the server's side what runs here. */
  sync(): void {
    if (this.#running?.id !== this.#conversation.running) this.#running = undefined;
    const { isLong = false } = this.#running ?? {};
    this.#upstream.sync({ runsLong: isLong, isBusy: this.#running !== undefined && !isLong });
  }

  #nextOutput(): ImapRelayClientEvent | undefined {
    if (!this.#upstream.takeConcern()) return undefined;
    return { type: "output" };
  }
}
