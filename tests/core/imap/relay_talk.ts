/**
 * A relay between a client and a server that are both played by hand, in virtual time.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type CommandDefinition,
  type CommandEvent,
  type ImapRelayClientEvent,
  ImapRelayProtocol,
  type ImapRelayProtocolOptions,
  type ImapRelayUpstreamEvent,
} from "../../../core/imap/mod.ts";
import { concat, encodeUtf8, type RemoteProtocolError } from "../../../core/mod.ts";

/** A long-running command and a stateless one. */
export const commands: readonly CommandDefinition[] = [
  { name: "XWAIT", isLongRunning: true, capability: "XWAIT" },
  { name: "XASK" },
];

/** What the server lists before the login, and after it. */
export const before = "IMAP4rev1 SASL-IR ID IDLE LITERAL+ AUTH=PLAIN AUTH=LOGIN";
export const after = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID IDLE COMPRESS=DEFLATE LITERAL+";
/** What the client is told of the latter. */
export const relayed = "IMAP4rev1 SASL-IR ID IDLE LITERAL+ XWAIT";

/** An event of either side. */
export type RelayEvent = ImapRelayClientEvent | ImapRelayUpstreamEvent;

/** Options for a {@linkcode RelayTalk}. */
export interface RelayTalkOptions extends ImapRelayProtocolOptions {
  /** Whether logins that the server has answered are left to the test. */
  readonly leavesLogins?: boolean;
}

/** Both peers of a relay, in strings of one character per byte. */
export class RelayTalk {
  /** The relay. */
  readonly relay: ImapRelayProtocol;
  /** What the relay's caller has learned, but for "output". */
  readonly events: RelayEvent[] = [];
  /** How the server's side has failed. */
  failure: RemoteProtocolError | undefined;
  readonly #leavesLogins: boolean;
  #now = 0;
  #toClient = "";
  #toServer = "";
  #isHalfClosed = false;

  /** Creates one; neither peer has said anything. */
  constructor({ leavesLogins = false, ...options }: RelayTalkOptions = {}) {
    this.relay = new ImapRelayProtocol({ commands, ...options });
    this.#leavesLogins = leavesLogins;
  }

  /** One whose client is greeted. */
  static greeted(options: RelayTalkOptions = {}): RelayTalk {
    const talk = new RelayTalk(options);
    talk.server(`* OK [CAPABILITY ${before}] ready.\r\n`);
    talk.heard();
    return talk;
  }

  /** One whose client is logged in; nothing is left to be read. */
  static in(options: RelayTalkOptions = {}): RelayTalk {
    const talk = RelayTalk.greeted(options);
    talk.client("in LOGIN alice secret\r\n");
    talk.server(`~1 OK [CAPABILITY ${after}] Logged in\r\n`);
    assert.equal(talk.relay.session.user, "alice");
    talk.heard();
    talk.got();
    talk.events.length = 0;
    return talk;
  }

  /** The client says something; returns what it reads. */
  client(text: string): string {
    this.relay.client.receive(bytesOf(text));
    this.pump();
    return this.heard();
  }

  /** The server says something; returns what the client reads. */
  server(text: string): string {
    this.relay.upstream.receive(bytesOf(text));
    this.pump();
    return this.heard();
  }

  /** The client sends no more; returns what it reads. */
  clientEnd(): string {
    this.relay.client.receiveEnd();
    this.pump();
    return this.heard();
  }

  /** The server sends no more; returns what the client reads. */
  serverEnd(): string {
    this.relay.upstream.receiveEnd();
    this.pump();
    return this.heard();
  }

  /** What the client reads, all of it. */
  heard(): string {
    const heard = this.#toClient;
    this.#toClient = "";
    return heard;
  }

  /** What the server reads, all of it. */
  got(): string {
    const got = this.#toServer;
    this.#toServer = "";
    return got;
  }

  /** The client says something that begins a command of the caller's. */
  begin(text: string): CommandEvent {
    this.client(text);
    const command = this.events.findLast(({ type }) => type === "command");
    assert(command?.type === "command", `no command began: ${this.heard()}`);
    return command;
  }

  /** The types of the events since the last call. */
  told(): string[] {
    return this.events.splice(0).map((event) => event.type);
  }

  /** Does something to the relay; returns what the client reads. */
  act(act: (relay: ImapRelayProtocol) => void): string {
    act(this.relay);
    this.pump();
    return this.heard();
  }

  /** Moves events and bytes until there are none. */
  pump(): void {
    const { client, upstream } = this.relay;
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (let event; (event = client.nextEvent()) !== undefined; isBusy = true) this.#take(event);
      for (let event; (event = this.#nextOfServer()) !== undefined; isBusy = true) {
        this.#take(event);
      }
      for (let chunk; (chunk = client.takeOutput()) !== undefined; isBusy = true) {
        this.#toClient += textOf(chunk);
      }
      for (let chunk; (chunk = upstream.takeOutput()) !== undefined; isBusy = true) {
        assert(!this.#isHalfClosed, `after the half-close: ${textOf(chunk)}`);
        this.#toServer += textOf(chunk);
      }
      // A driver writes what is left before it half-closes.
      this.#isHalfClosed = this.events.some(({ type }) => type === "close-write") ||
        this.#isHalfClosed;
    }
  }

  /** Time passes, deadline by deadline; returns what the client reads. */
  pass(milliseconds: number): string {
    const end = this.#now + milliseconds;
    for (;;) {
      const due = [this.relay.client, this.relay.upstream].filter(({ deadline = Infinity }) =>
        deadline <= end
      ).sort((one, other) =>
        one.deadline! - other.deadline!
      )[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.deadline!);
      due.handleTimeout(this.#now);
      this.pump();
    }
    this.#now = end;
    return this.heard();
  }

  #nextOfServer(): ImapRelayUpstreamEvent | undefined {
    try {
      return this.relay.upstream.nextEvent();
    } catch (error) {
      this.failure ??= error as RemoteProtocolError;
      assert.equal(error, this.failure);
    }
  }

  #take(event: RelayEvent): void {
    if (event.type === "output") return;
    this.events.push(event);
    if (this.#leavesLogins) return;
    if (event.type === "logged-in") this.relay.acceptLogin(event.id);
    else if (event.type === "login-refused") this.relay.refuseLogin(event.id);
  }
}

/** Bytes of a string that has one character for each; UTF-8 for others. */
export function bytesOf(text: string): Uint8Array {
  if (!/^[\0-\xff]*$/.test(text)) return encodeUtf8(text);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A string with one character for each byte. */
export function textOf(...chunks: Uint8Array[]): string {
  return Array.from(concat(chunks), (byte) => String.fromCharCode(byte)).join("");
}
