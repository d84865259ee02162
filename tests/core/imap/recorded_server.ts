/**
 * A server behind a relay that answers as a recorded one did.
 *
 * @module
 */

import { CommandReader, ResponseReader, type StatusFrame } from "../../../core/imap/mod.ts";
import { bytesOf, textOf } from "./relay_talk.ts";

/** A response of the recording; `tag` is "" for untagged ones and "+" for continuations. */
interface RecordedResponse {
  readonly tag: string;
  readonly status: string;
  readonly text: string;
  /** The step of the recording in which it was sent. */
  readonly step: number;
}

/**
 * Plays the responses of a recording, each in its order and as soon as it has read the command that it answers.
 * Up to the login it answers what a relay asks by itself, with the recorded verdicts.
 */
export class RecordedServer {
  /** What it has read since the login. */
  got = "";
  /** Tags of commands that were recorded but never come, since the relay answers them. */
  readonly #absent = new Set<string>();
  readonly #responses: RecordedResponse[];
  readonly #verdicts: RecordedResponse[];
  /** Tags that it has answered. */
  readonly #answered = new Set<string>();
  readonly #capabilities: string;
  #reader = new CommandReader();
  #received: string[] = [];
  #answer = "";
  #tag = "";
  #name = "";
  /** Whether the client is logged in. */
  #isIn = false;
  #awaits: "nothing" | "literal" | "idle" = "nothing";

  /** Up to which step of the recording it may answer. */
  #step = 0;

  /** Takes what the server sent in the recording, step by step, and the tags of the logins. */
  constructor(steps: readonly string[], logins: readonly string[]) {
    const responses = responsesIn(...steps);
    this.#capabilities = /\[CAPABILITY ([^\]]*)\]/.exec(steps.join(""))?.[1] ?? "IMAP4rev1";
    const accepted = responses.findIndex(({ tag, status }) =>
      logins.includes(tag) && status === "OK"
    );
    this.#verdicts = responses.filter(({ tag }) => logins.includes(tag));
    this.#responses = accepted === -1 ? [] : responses.slice(accepted + 1);
  }

  /** The responses that weren't played. */
  get left(): readonly RecordedResponse[] {
    return this.#responses;
  }

  /** Learns that the client has an answer, perhaps of the relay's own. */
  heard(tag: string): void {
    if (!this.#answered.delete(tag)) this.#absent.add(tag);
  }

  /** Lets it answer as it did up to a step of the recording. */
  release(step: number): void {
    this.#step = step;
  }

  /** Reads what the relay sends; returns what it answers. */
  read(text: string): string {
    this.#answer = "";
    if (this.#isIn) this.got += text;
    this.#reader.receive(bytesOf(text));
    for (let frame; (frame = this.#reader.next()) !== undefined;) {
      if (frame.type === "start") {
        this.#tag = frame.tag;
        this.#name = frame.name;
      } else if (frame.type === "literal") {
        if (this.#grants()) this.#reader.acceptLiteral();
        else this.#reader.refuseLiteral();
      } else if (frame.type === "end") this.#end();
      else if (frame.type === "line") {
        this.#reader.readCommand();
        this.#received.push(this.#tag);
      }
    }
    return this.#answer + this.play();
  }

  /** Plays what can be played now. */
  play(): string {
    let played = "";
    for (let next; (next = this.#responses[0]) !== undefined && next.step <= this.#step;) {
      if (next.tag !== "" && this.#absent.has(next.tag)) {
        this.#responses.shift();
        continue;
      }
      if (next.tag === "+") {
        if (this.#awaits === "nothing") break;
        if (this.#awaits === "idle") this.#reader.readLine();
        this.#awaits = "nothing";
      } else if (next.tag !== "") {
        const at = this.#received.indexOf(next.tag);
        if (at === -1) break;
        this.#received.splice(at, 1);
        this.#answered.add(next.tag);
      }
      played += next.text;
      this.#responses.shift();
    }
    return played;
  }

  /** Whether the announced literal is taken. */
  #grants(): boolean {
    if (!this.#isIn) {
      this.#answer += "+ OK\r\n";
      return true;
    }
    const next = this.#responses.find(({ tag }) => tag === "+" || tag === this.#tag);
    if (next !== undefined && next.tag !== "+" && next.status !== "OK") {
      this.#received.push(this.#tag);
      return false;
    }
    // A client that doesn't wait got no continuation. Where no answer follows, the server says BYE.
    if (next === undefined || next.tag === "+") this.#awaits = "literal";
    else this.#answer += "+ OK\r\n";
    return true;
  }

  #end(): void {
    if (this.#isIn) {
      if (this.#name === "IDLE") this.#awaits = "idle";
      else this.#received.push(this.#tag);
      return;
    }
    if (this.#name === "CAPABILITY") {
      this.#answer += `* CAPABILITY ${this.#capabilities}\r\n${this.#tag} OK Listed.\r\n`;
      return;
    }
    while (this.#absent.has(this.#verdicts[0]?.tag)) this.#verdicts.shift();
    const verdict = this.#verdicts.shift();
    if (verdict === undefined) throw new Error(`no verdict for ${this.#name}`);
    this.#answer += this.#tag + verdict.text.slice(verdict.tag.length);
    this.#answered.add(verdict.tag);
    this.#isIn = verdict.status === "OK";
  }
}

/** The responses in what a server sent, step by step. */
export function responsesIn(...steps: readonly string[]): RecordedResponse[] {
  const reader = new ResponseReader();
  const responses: RecordedResponse[] = [];
  for (const [step, said] of steps.entries()) {
    reader.receive(bytesOf(said));
    for (let frame; (frame = reader.next()) !== undefined;) {
      responses.push(
        frame.type === "pass"
          ? { tag: "", status: "", text: textOf(frame.bytes), step }
          : { ...responseOf(frame), step },
      );
    }
  }
  return responses;
}

function responseOf({ kind, tag = "", name, bytes }: StatusFrame) {
  return { tag: kind === "continuation" ? "+" : tag, status: name, text: textOf(bytes) };
}
