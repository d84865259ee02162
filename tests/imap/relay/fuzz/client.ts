/**
 * Says a conversation to a server and counts its answers.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { Random } from "../../../harness/random.ts";
import {
  announcement,
  type Command,
  type Conversation,
  flatten,
  type Part,
} from "./conversation.ts";
import { ResponseLines } from "./response_lines.ts";

/** How long a server may say nothing that is waited for, in milliseconds. */
const PATIENCE = 60_000;

/** What became of a conversation. */
export interface Outcome {
  /** The client's port. */
  readonly port: number;
  /** All that the server said. */
  readonly said: string;
  /** What isn't as it should be. */
  readonly faults: readonly string[];
}

/** Says a conversation as a client that waits where it has to. */
export async function converse(conversation: Conversation, to: Place): Promise<Outcome> {
  const client = await Client.connect(to);
  try {
    await client.converse(conversation);
  } catch (error) {
    client.fault(String(error));
  }
  return await client.outcome(conversation.end === "break");
}

/** Says bytes to a server without waiting for anything, and ends. */
export async function blast(bytes: string, to: Place): Promise<Outcome> {
  const client = await Client.connect(to);
  try {
    await client.send(bytes);
    client.endInput();
    await client.ended();
  } catch (error) {
    client.fault(String(error));
  }
  return await client.outcome(true);
}

/** A conversation's bytes with some changes, as a client sends them that doesn't care. */
export function mutate(conversation: Conversation, random: Random): string {
  let bytes = flatten(conversation);
  for (let count = random.below(4); count > 0; count--) {
    const at = random.below(bytes.length + 1);
    const length = random.pick([0, 0, 1, 1, 2, 5]);
    const put = random.pick([
      ...'\r\n \0"\\(){}+*~]%',
      "\r\n",
      "",
      "{3}\r\n",
      "{3+}\r\n",
      "DONE\r\n",
      "\xe9",
      "9",
    ]);
    bytes = bytes.slice(0, at) + put + bytes.slice(at + length);
  }
  return bytes;
}

/** Where to connect to, and how to cut what is sent. */
export interface Place {
  readonly port: number;
  readonly random: Random;
}

/** How many answers there must be, and were. */
interface Count {
  expected: number;
  seen: number;
}

class Client {
  readonly port: number;
  #socket: Socket;
  #random: Random;
  #lines = new ResponseLines();
  #said: Buffer[] = [];
  #faults: string[] = [];
  /** By tag; "*" is for those without. */
  #answers = new Map<string, Count>();
  /** Continuations that nobody has waited for yet. */
  #continuations = 0;
  #bye = "";
  #isOver = false;
  #hear = () => {};

  private constructor(socket: Socket, random: Random) {
    this.#socket = socket;
    this.#random = random;
    this.port = socket.localPort ?? 0;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => {});
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#isOver = true;
        this.#hear();
      });
    }
  }

  static async connect({ port, random }: Place): Promise<Client> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    const client = new Client(socket, random);
    await once(socket, "connect");
    Object.assign(client, { port: socket.localPort ?? 0 });
    return client;
  }

  fault(text: string): void {
    this.#faults.push(text);
  }

  async converse({ commands, end }: Conversation): Promise<void> {
    const broken = end === "break" ? commands.at(-1) : undefined;
    for (const command of commands) {
      if (this.#isOver || this.#bye !== "") break;
      if (command === broken) return await this.#break(command);
      await this.#say(command);
    }
    if (end === "half-close") this.endInput();
    await this.ended();
    this.#checkCounts();
  }

  endInput(): void {
    this.#socket.end();
  }

  /** Resolves when the server has closed. */
  async ended(): Promise<void> {
    await this.#until(() => this.#isOver, "the end");
    this.#socket.destroy();
  }

  async outcome(mayBreak: boolean): Promise<Outcome> {
    if (!mayBreak && this.#lines.isWithin) this.fault("the server ended within a line");
    this.#socket.destroy();
    if (!this.#socket.closed) await once(this.#socket, "close");
    const said = Buffer.concat(this.#said).toString("latin1");
    return { port: this.port, said, faults: this.#faults };
  }

  /** Sends bytes in pieces of random sizes. */
  async send(text: string): Promise<void> {
    const bytes = Buffer.from(text, "latin1");
    const most = this.#random.pick([3, 30, 300, 3000, 30_000]);
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + this.#random.below(Math.max(most, bytes.length >> 5));
      if (!this.#socket.writable) return;
      this.#socket.write(bytes.subarray(at, end));
      at = end;
      if (at < bytes.length) await setImmediate();
    }
  }

  /** Sends a command, and waits for its answer or not. */
  async #say(command: Command): Promise<void> {
    const count = this.#count(command.tag ?? "*");
    count.expected++;
    const goal = count.expected;
    const isAnswered = () => count.seen >= goal || this.#isOver || this.#bye !== "";
    if (command.isEager) {
      await this.send(flatten({ commands: [command], end: "close" }));
      await this.#until(isAnswered, `the answer to ${command.tag}`);
      // Of the command's own continuation.
      this.#continuations = Math.max(0, this.#continuations - 1);
      return;
    }
    let isWhole = await this.#sendParts(command.parts, isAnswered);
    for (const reply of command.replies) {
      if (!isWhole || !await this.#continuation(isAnswered)) break;
      isWhole = await this.#sendParts(reply, isAnswered);
    }
    const mustWait = !command.isPipelined || command.replies.length > 0;
    if (mustWait) await this.#until(isAnswered, `the answer to ${command.tag}`);
  }

  /** Sends parts as far as the server lets it; returns whether it sent all. */
  async #sendParts(parts: readonly Part[], isAnswered: () => boolean): Promise<boolean> {
    let text = "";
    for (const part of parts) {
      if (typeof part === "string") {
        text += part;
        continue;
      }
      text += announcement(part);
      if (part.isSynchronizing) {
        await this.send(text);
        text = "";
        if (!await this.#continuation(isAnswered)) return false;
      }
      text += part.data;
    }
    await this.send(text);
    return true;
  }

  /** Waits for a continuation; returns whether it came before the answer. */
  async #continuation(isAnswered: () => boolean): Promise<boolean> {
    await this.#until(() => this.#continuations > 0 || isAnswered(), "a continuation");
    if (this.#continuations === 0) return false;
    this.#continuations--;
    return true;
  }

  /** Sends a part of a command and resets the connection. */
  async #break({ parts }: Command): Promise<void> {
    const [first] = parts;
    if (typeof first === "string") await this.send(first);
    this.#socket.resetAndDestroy();
  }

  #checkCounts(): void {
    for (const [tag, { expected, seen }] of this.#answers) {
      if (seen > expected) this.fault(`${seen} answers to ${expected} commands ${tag}`);
      // BYE may stand in place of answers.
      if (seen < expected && this.#bye === "") this.fault(`no answer to ${tag}`);
    }
    if (this.#continuations > 0) this.fault("a continuation that nobody waited for");
  }

  #count(tag: string): Count {
    let count = this.#answers.get(tag);
    if (count === undefined) this.#answers.set(tag, count = { expected: 0, seen: 0 });
    return count;
  }

  #take(chunk: Buffer): void {
    this.#said.push(chunk);
    for (const line of this.#lines.take(chunk)) {
      if (line.startsWith("+")) this.#continuations++;
      else if (line.startsWith("* BYE")) this.#bye = line;
      else if (line.startsWith("* BAD")) this.#count("*").seen++;
      else if (!line.startsWith("* ")) this.#count(line.slice(0, line.indexOf(" "))).seen++;
    }
    this.#hear();
  }

  /** Resolves when something is so; rejects if that takes too long. */
  async #until(isSo: () => boolean, what: string): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${what} hasn't come for ${PATIENCE} ms`));
        this.#socket.destroy();
      }, PATIENCE);
      this.#hear = () => {
        if (!isSo()) return;
        clearTimeout(timer);
        this.#hear = () => {};
        resolve();
      };
    });
  }
}
