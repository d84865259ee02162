/**
 * A doveadm server that is talked to in strings, one character per byte.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type DoveadmServerEvent,
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
} from "../../../core/doveadm/mod.ts";
import { RemoteProtocolError } from "../../../core/mod.ts";
import { fromBytes, toBytes } from "./recordings.ts";

/** The first line of a client of 1.2. */
export const hello = "VERSION\tdoveadm-server\t1\t2\n";
/** The line that logs in with the password "s3cret". */
export const login = plain("\0doveadm\0s3cret");
/** What stands before the first bytes in the stream format. */
export const streamHeader = "\xff\xff\xff\xff\xff\x00\x02\x03\xfe";

/** The line that logs in with these bytes. */
export function plain(bytes: string): string {
  return `PLAIN\t${btoa(bytes)}\n`;
}

/** A packet of the conversation, or of another channel. */
export function packet(bytes: string, channel = "\0"): string {
  const size = bytes.length;
  return channel + String.fromCharCode(size >> 24, size >> 16 & 255, size >> 8 & 255, size & 255) +
    bytes;
}

/** A server, its output as one string, and its events as lists of words. */
export class Talk {
  readonly server: DoveadmServerProtocol;

  constructor(options: DoveadmServerProtocolOptions = { preauthenticated: true }) {
    this.server = new DoveadmServerProtocol(options);
  }

  /** Sends it something and returns the resulting events, each as a word or two. */
  say(bytes: string): string[] {
    this.server.receive(toBytes(bytes));
    return this.words();
  }

  /** Says no more to it. */
  end(): string[] {
    this.server.receiveEnd();
    return this.words();
  }

  /** The events that are there, each as a word or two; an error is one. */
  words(): string[] {
    const words: string[] = [];
    try {
      for (let event; (event = this.server.nextEvent()) !== undefined;) words.push(wordsFor(event));
    } catch (error) {
      assert(error instanceof RemoteProtocolError, `${error}`);
      words.push(`error ${error.limit ?? ""}[${error.unanswered}]`);
    }
    return words;
  }

  /** Its output since then. */
  get output(): string {
    let output = "";
    for (let chunk; (chunk = this.server.takeOutput()) !== undefined;) output += fromBytes(chunk);
    return output;
  }
}

function wordsFor(event: DoveadmServerEvent): string {
  switch (event.type) {
    case "ready":
      return `ready ${event.minor} ${event.username}`;
    case "login":
      return `login ${event.username} ${event.password}`;
    case "command":
      return `${event.id} ${event.command.name}${event.command.input ? " <" : ""}`;
    case "input":
      return `${event.id} ${JSON.stringify(fromBytes(event.chunk))}${event.final ? "." : ""}`;
    case "input-lost":
      return `${event.id} lost`;
    case "end":
      return `end [${event.unanswered}]`;
    default:
      return event.type;
  }
}

/** A talk in an open session, before the first command. */
export function session(minor = 2, options: DoveadmServerProtocolOptions = {}): Talk {
  const talk = new Talk({ preauthenticated: true, ...options });
  assert.equal(talk.say(`VERSION\tdoveadm-server\t1\t${minor}\n`)[0].split(" ")[0], "ready");
  void talk.output;
  return talk;
}
