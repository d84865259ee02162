/**
 * Reads what a relay and a server said to each other, on its own account: with the simplest rules that there are.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { TappedConnection } from "../../../harness/imap/tap.ts";
import { ResponseLines } from "./response_lines.ts";

/** A command that was sent to the server. */
export interface SentCommand {
  readonly tag: string;
  readonly name: string;
  /** All of it but its tag, with its literals' data. */
  text: string;
  /** The status of its answer. */
  status: string | undefined;
}

/** What was sent, and what is wrong with it. */
export interface UpstreamView {
  readonly commands: readonly SentCommand[];
  readonly faults: readonly string[];
  /** Whether the server said BYE. */
  readonly saidBye: boolean;
}

/** Reads a connection whose pieces are in the order in which they came. */
export function readUpstream({ pieces }: TappedConnection): UpstreamView {
  const reader = new UpstreamReader();
  for (const { from, bytes } of pieces) {
    if (from === "client") reader.takeSent(Buffer.from(bytes));
    else reader.takeSaid(Buffer.from(bytes));
  }
  return reader;
}

class UpstreamReader implements UpstreamView {
  readonly commands: SentCommand[] = [];
  readonly faults: string[] = [];
  saidBye = false;
  #sent: Buffer = Buffer.alloc(0);
  #lines = new ResponseLines();
  /**
   * "line": a command, or the rest of one; "asked": a literal, an IDLE or a login waits for a continuation;
   * "data": a literal's data; "reply": the line for IDLE or a login.
   */
  #state: "line" | "asked" | "data" | "reply" = "line";
  #current: SentCommand | undefined;
  /** The size of the announced literal; `undefined` if a line is waited for. */
  #literal: number | undefined;
  #left = 0;

  takeSent(bytes: Buffer): void {
    this.#sent = Buffer.concat([this.#sent, bytes]);
    while (this.#sent.length > 0) {
      if (this.#state === "asked") {
        this.faults.push(`sent without being asked: ${this.#sent.toString("latin1", 0, 80)}`);
        this.#state = "line";
      }
      if (this.#state === "data") {
        if (!this.#takeData()) return;
      } else {
        const end = this.#sent.indexOf("\n");
        if (end === -1) return;
        const line = this.#sent.toString("latin1", 0, end + 1);
        this.#sent = this.#sent.subarray(end + 1);
        this.#takeLine(line);
      }
    }
  }

  takeSaid(bytes: Buffer): void {
    for (const line of this.#lines.take(bytes)) {
      if (line.startsWith("+")) this.#takeContinuation();
      else if (line.startsWith("* BYE")) this.saidBye = true;
      else if (line.startsWith("* BAD")) this.faults.push(`the server says: ${line}`);
      else if (!line.startsWith("* ")) this.#takeAnswer(line);
    }
  }

  #takeData(): boolean {
    const data = this.#sent.subarray(0, this.#left);
    this.#current!.text += data.toString("latin1");
    this.#left -= data.length;
    this.#sent = this.#sent.subarray(data.length);
    if (this.#left > 0) return false;
    this.#state = "line";
    return true;
  }

  #takeLine(line: string): void {
    if (!/^[^\r\n]*\r?\n$/.test(line)) this.faults.push(`no line: ${JSON.stringify(line)}`);
    if (this.#state === "reply") {
      this.#state = "line";
      this.#current = undefined;
      return;
    }
    if (this.#current === undefined) {
      const [, tag = "", name = "", text = ""] = /^(\S+) ([A-Za-z]+)(.*)\r?\n$/s.exec(line) ?? [];
      if (name === "") this.faults.push(`no command: ${JSON.stringify(line)}`);
      this.#current = { tag, name: name.toUpperCase(), text, status: undefined };
      this.commands.push(this.#current);
    } else this.#current.text += line;
    const { name } = this.#current;
    const [, size, plus] = /\{(\d*)(\+?)\}\r?\n$/.exec(line) ?? [];
    if (plus === "+") this.faults.push(`a non-synchronising literal: ${JSON.stringify(line)}`);
    this.#literal = size === undefined ? undefined : Number(size);
    const isReplied = name === "IDLE" ||
      (name === "AUTHENTICATE" && !/ \S+ \S/.test(this.#current.text));
    // An answer that came before the line's end is the answer to its literal, too.
    const isAsked = (size !== undefined || isReplied) && this.#current.status === undefined;
    if (isAsked) this.#state = "asked";
    else this.#current = undefined;
  }

  #takeContinuation(): void {
    if (this.#state !== "asked") {
      this.faults.push("the server asked to go on, where nothing waited for it");
      return;
    }
    this.#left = this.#literal ?? 0;
    if (this.#literal === undefined) this.#state = "reply";
    else this.#state = this.#left > 0 ? "data" : "line";
  }

  #takeAnswer(line: string): void {
    const [, tag = "", status] = /^(\S+) (OK|NO|BAD) /.exec(line) ?? [];
    const command = this.commands.find((sent) => sent.tag === tag && sent.status === undefined);
    if (command === undefined) {
      this.faults.push(`the server answered what was no command: ${line}`);
      return;
    }
    command.status = status;
    if (command !== this.#current || this.#state === "data") return;
    // It waited for a continuation, or the answer came between a literal and the command's end.
    if (this.#state !== "line") this.#current = undefined;
    this.#state = "line";
  }
}
