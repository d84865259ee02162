/**
 * A client's commands: which one runs, which ones wait, and what is written of them.
 *
 * @module
 */

import { encodeUtf8, type OutputQueue } from "../bytes.ts";
import { Queue } from "../queue.ts";
import type { KnownCapabilities } from "./client_capabilities.ts";
import { type CommandPart, encodeCommand, type ImapClientCommand } from "./client_command.ts";

/** What is special about a command; "login" is one that may change the capabilities. */
export type RequestKind = "command" | "long-running" | "start-tls" | "login" | "logout";

/** A command without an answer. */
export interface ClientRequest {
  readonly id: number;
  readonly tag: string;
  readonly name: string;
  readonly kind: RequestKind;
  /**
   * "queued": nothing of it is written; "literal": its next part waits for the server's continuation;
   * "written": all of it is; "running": a long-running one got its continuation; "done": DONE is written.
   */
  state: "queued" | "literal" | "written" | "running" | "done";
  /** What there is to write. */
  readonly parts: readonly CommandPart[];
  /** How many of the parts are written. */
  written: number;
  /** The reply to the continuation of AUTHENTICATE, if it isn't written yet. */
  reply: Uint8Array | undefined;
  /** Whether DONE is written as soon as the continuation has come. */
  endsAtOnce: boolean;
  /** Removes it from the queue. */
  dequeue: () => void;
  /** The position of its first byte in the output; `undefined` if it isn't written yet. */
  outputAt: number | undefined;
}

/** The commands of one connection, of which one runs at a time. */
export class ClientRequests {
  readonly #output: OutputQueue;
  readonly #capabilities: KnownCapabilities;
  /** All of them, oldest first: the running one, then those that wait. */
  readonly #requests = new Map<number, ClientRequest>();
  readonly #queue = new Queue<ClientRequest>();
  #running: ClientRequest | undefined;
  /** Whether the latest command ended after its DONE was written: it may have ended by itself before. */
  #mayHaveCrossed = false;
  #lastId = 0;

  /** Commands are written to the output; the capabilities tell whether literals may be sent at once. */
  constructor(output: OutputQueue, capabilities: KnownCapabilities) {
    this.#output = output;
    this.#capabilities = capabilities;
  }

  /** The command that the server is answering. */
  get running(): ClientRequest | undefined {
    return this.#running;
  }

  /** The ids of all commands, oldest first. */
  get ids(): readonly number[] {
    return [...this.#requests.keys()];
  }

  /** A command; `undefined` if it is answered, or never was. */
  get(id: number): ClientRequest | undefined {
    return this.#requests.get(id);
  }

  /** Whether there was a command with that id. */
  has(id: number): boolean {
    return id >= 1 && id <= this.#lastId;
  }

  /** Whether any of a command was taken from the output. */
  isSent(id: number): boolean {
    const at = this.#requests.get(id)?.outputAt;
    return at !== undefined && at < this.#output.taken;
  }

  /** Adds a command to the queue. Throws a `LocalProtocolError` for invalid arguments. */
  add(
    command: ImapClientCommand,
    { kind, reply }: { readonly kind: RequestKind; readonly reply?: Uint8Array },
  ): number {
    const id = this.#lastId + 1;
    const tag = `C${id}`;
    const parts = encodeCommand(tag, command);
    this.#lastId = id;
    const request: ClientRequest = {
      ...{ id, tag, name: command.name, kind, state: "queued", parts, written: 0, reply },
      ...{ endsAtOnce: false, dequeue: () => {}, outputAt: undefined },
    };
    this.#requests.set(id, request);
    request.dequeue = this.#queue.push(request);
    return id;
  }

  /** Removes a command of which nothing is written; returns whether it could be. */
  remove(id: number): boolean {
    const request = this.#requests.get(id);
    if (request?.state !== "queued") return false;
    request.dequeue();
    return this.#requests.delete(id);
  }

  /** Removes the running command, which is answered. What isn't written of it never will be. */
  answered(): void {
    if (this.#running !== undefined) this.#requests.delete(this.#running.id);
    this.#mayHaveCrossed = this.#running?.state === "done";
    this.#running = undefined;
  }

  /**
   * Whether the latest DONE may be refused as a command, as this is asked once: the server has read it after its command
   * had ended by itself.
   */
  takeCrossedDone(): boolean {
    const may = this.#mayHaveCrossed;
    this.#mayHaveCrossed = false;
    return may;
  }

  /** Writes the next command if none runs. */
  writeNext(): void {
    if (this.#running !== undefined) return;
    const request = this.#running = this.#queue.shift();
    if (request === undefined) return;
    request.outputAt = this.#output.pushed;
    this.#writeParts(request, false);
  }

  /**
   * Uses the server's continuation: "written" if the running command goes on by itself, "running" if a
   * long-running one has begun, `undefined` if no command waited for one.
   */
  onContinuation(): "written" | "running" | undefined {
    const request = this.#running;
    if (request?.state === "literal") {
      this.#writeParts(request, true);
      return "written";
    }
    if (request?.state !== "written") return undefined;
    if (request.reply !== undefined) {
      this.#output.push(request.reply);
      request.reply = undefined;
      return "written";
    }
    if (request.kind !== "long-running") return undefined;
    request.state = "running";
    if (request.endsAtOnce) this.#writeDone(request);
    return "running";
  }

  /** Ends a long-running command, once it has its continuation. */
  end(request: ClientRequest): void {
    request.endsAtOnce = true;
    if (request.state === "running") this.#writeDone(request);
  }

  /** Writes a command up to a literal that has to wait; `isAsked`: the server waits for the first part. */
  #writeParts(request: ClientRequest, isAsked: boolean): void {
    let mayFollow = isAsked;
    for (; request.written < request.parts.length; request.written++) {
      const part = request.parts[request.written];
      if (part.type === "literal" && !mayFollow) {
        const { length } = part.bytes;
        const isAtOnce = this.#capabilities.allowsAtOnce(length);
        const marker = `${part.isBinary ? "~" : ""}{${length}${isAtOnce ? "+" : ""}}\r\n`;
        this.#output.push(encodeUtf8(marker));
        if (!isAtOnce) {
          request.state = "literal";
          return;
        }
      }
      mayFollow = false;
      this.#output.push(part.bytes);
    }
    request.state = "written";
  }

  #writeDone(request: ClientRequest): void {
    request.state = "done";
    this.#output.push(encodeUtf8("DONE\r\n"));
  }
}
