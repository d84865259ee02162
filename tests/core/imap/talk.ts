/**
 * A conversation with an IMAP server, by hand and in virtual time.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type CommandDefinition,
  type CommandEvent,
  type ConversationEvent,
  ImapServerProtocol,
  type ImapServerProtocolOptions,
} from "../../../core/imap/mod.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";

/** A long-running command and a stateless one. */
export const commands: readonly CommandDefinition[] = [
  { name: "XWAIT", isLongRunning: true, capability: "XWAIT" },
  { name: "XASK" },
];

/** A client's side of a conversation. */
export class Talk {
  /** The server. */
  readonly server: ImapServerProtocol;
  /** What the server's caller learned and no test has taken yet. */
  readonly events: ConversationEvent[] = [];
  #now = 0;

  /** Creates one; the greeting is still to be read. */
  constructor(options: ImapServerProtocolOptions = {}) {
    this.server = new ImapServerProtocol({ commands, ...options });
  }

  /** One whose client is logged in, and has read all so far. */
  static in(options: ImapServerProtocolOptions = {}): Talk {
    const talk = new Talk({ preauthenticated: "alice", ...options });
    talk.heard();
    return talk;
  }

  /** One whose long-running command, 1, has begun and has sent its continuation. */
  static waiting(options: ImapServerProtocolOptions = {}): Talk {
    const talk = Talk.in(options);
    talk.begin("a XWAIT\r\n");
    talk.server.continue(1, "waiting");
    talk.heard();
    talk.events.length = 0;
    return talk;
  }

  /** The client says something; returns what the server's caller learns. */
  say(text: string | Uint8Array): ConversationEvent[] {
    this.server.receive(typeof text === "string" ? encodeUtf8(text) : text);
    return this.pump();
  }

  /** The client sends no more. */
  end(): ConversationEvent[] {
    this.server.receiveEnd();
    return this.pump();
  }

  /** Takes all events. */
  pump(): ConversationEvent[] {
    const events: ConversationEvent[] = [];
    for (let event; (event = this.server.nextEvent()) !== undefined;) events.push(event);
    this.events.push(...events);
    return events;
  }

  /** What the client reads, all of it. */
  heard(): string {
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = this.server.takeOutput()) !== undefined;) chunks.push(chunk);
    return decodeUtf8(concat(chunks));
  }

  /** The client says something and reads the answer. */
  ask(text: string): string {
    this.say(text);
    return this.heard();
  }

  /** The client says something that begins a command of the caller's. */
  begin(text: string): CommandEvent {
    const command = this.say(text).find(({ type }) => type === "command");
    if (command?.type !== "command") assert.fail(`no command began: ${this.heard()}`);
    return command;
  }

  /** What time it is. */
  get now(): number {
    return this.#now;
  }

  /** Time passes, deadline by deadline; returns what the client reads. */
  pass(milliseconds: number): string {
    const end = this.#now + milliseconds;
    let heard = "";
    for (;;) {
      const { deadline } = this.server;
      if (deadline === undefined || deadline > end) break;
      this.#now = Math.max(this.#now, deadline);
      this.server.handleTimeout(this.#now);
      this.pump();
      heard += this.heard();
    }
    this.#now = end;
    return heard;
  }
}
