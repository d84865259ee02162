/**
 * Reads the answers of Dovecot's HTTP API as they arrive: JSON of any size, one row at a time.
 *
 * A body is `[["doveadmResponse", [ROW, …], "tag"], ["error", {…}, "tag"], …]`. Only its frame is read
 * here. Where each row begins and ends is found byte by byte, nothing being looked at twice, and what
 * is between goes through `JSON.parse`: that is exact, many times faster than building the values from
 * tokens, and holds one row in memory.
 *
 * @module
 */

import { decodeUtf8, GatheredBytes, quote } from "../../core/bytes.ts";
import { RemoteProtocolError } from "../../core/errors.ts";
import { parseJson } from "./json.ts";

/** What an answer body is made of. */
export type HttpAnswerEvent =
  | {
    /** A row of the answer that arrives. */
    readonly type: "row";
    /** Its values by column. */
    readonly row: Readonly<Record<string, unknown>>;
  }
  | {
    /** An answer has arrived; what rows it has came ahead. */
    readonly type: "answer";
    /** Whether the command went well. */
    readonly kind: "doveadmResponse" | "error";
    /** What it says where that is no list of rows. */
    readonly value?: unknown;
    /** How many rows came ahead of it. */
    readonly rows: number;
    /** The tag of the command that it answers. */
    readonly tag: string;
  };

/** What the reader waits for. */
type State =
  | "body"
  | "first-answer"
  | "next-answer"
  | "answer"
  | "kind"
  | "kind-end"
  | "result"
  | "first-row"
  | "row"
  | "row-end"
  | "late-row"
  | "result-end"
  | "tag"
  | "tag-end"
  | "over"
  | "failed";

/** What was wanted, for messages. */
const wanted: Readonly<Record<State, string>> = {
  body: 'the "[" of the answers',
  "first-answer": 'an answer or "]"',
  "next-answer": 'another answer or "]"',
  answer: "an answer",
  kind: "the kind of an answer",
  "kind-end": 'a "," behind the kind of an answer',
  result: "what a command answered",
  "first-row": 'a row or "]"',
  row: "a row",
  "row-end": 'another row or "]"',
  "late-row": "a row",
  "result-end": 'a "," behind what a command answered',
  tag: "the tag of an answer",
  "tag-end": 'the "]" of an answer',
  over: "the end",
  failed: "nothing",
};

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** How deep a value may be nested: Dovecot's own go down to 3. */
const deepest = 64;

/** Reads a body that arrives in any pieces. */
export class HttpAnswerReader {
  #limit: number;
  #state: State = "body";
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The value that is being read: where in the chunk it goes on, and what came of it before. */
  #inValue = false;
  #gathered = new GatheredBytes();
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The answer that is being read. */
  #kind: "doveadmResponse" | "error" = "error";
  #value: unknown;
  #rows = 0;

  /** Makes one; a row, or an answer that is no list of rows, may have `limit` bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the answers are complete. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Takes bytes that arrived; what was in the ones before must have been read. */
  receive(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Learns that no more comes. Throws a {@linkcode RemoteProtocolError} where something is missing. */
  receiveEnd(): void {
    if (this.isOver) return;
    throw new RemoteProtocolError(
      `it ends too early: ${this.#inValue ? "in the middle of" : "ahead of"} ${
        wanted[this.#state]
      }`,
    );
  }

  /**
   * The next event, or `undefined` where it takes more bytes to know. Throws a
   * {@linkcode RemoteProtocolError} for what is no answer; its message begins in lower case and says
   * what was wrong, so that it can stand behind what was asked of whom.
   */
  nextEvent(): HttpAnswerEvent | undefined {
    while (this.#at < this.#chunk.length) {
      if (this.#inValue) {
        const event = this.#goOnWithValue();
        if (event !== undefined) return event;
        continue;
      }
      const byte = this.#chunk[this.#at];
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        this.#at++;
        continue;
      }
      const event = this.#step(byte);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  /** Takes one byte of the frame, or begins a value at it. */
  #step(byte: number): HttpAnswerEvent | undefined {
    switch (this.#state) {
      case "body":
        return this.#expect(byte, OPEN_BRACKET, "first-answer");
      case "first-answer":
        if (byte === CLOSE_BRACKET) return this.#expect(byte, CLOSE_BRACKET, "over");
        return this.#expect(byte, OPEN_BRACKET, "kind");
      case "next-answer":
        if (byte === CLOSE_BRACKET) return this.#expect(byte, CLOSE_BRACKET, "over");
        // Dovecot 2.3 leaves out the comma where one of the two answers is an error that it found
        // before it ran the command. Nothing else can be meant by it.
        if (byte === OPEN_BRACKET) return this.#expect(byte, OPEN_BRACKET, "kind");
        return this.#expect(byte, COMMA, "answer");
      case "answer":
        return this.#expect(byte, OPEN_BRACKET, "kind");
      case "tag":
        // Dovecot 2.3 ends the list of `who` behind its first row, and gives the others there.
        if (byte === OPEN_BRACE && this.#rows > 0) this.#state = "late-row";
        else if (byte !== QUOTE) throw this.#unexpected();
        return this.#beginValue();
      case "kind":
        if (byte !== QUOTE) throw this.#unexpected();
        return this.#beginValue();
      case "kind-end":
        return this.#expect(byte, COMMA, "result");
      case "result":
        if (byte === OPEN_BRACKET && this.#kind === "error") throw this.#unexpected();
        if (byte === OPEN_BRACKET) return this.#expect(byte, OPEN_BRACKET, "first-row");
        // A command that prints nothing at all, not even an empty list.
        if (byte === COMMA) return this.#expect(byte, COMMA, "tag");
        return this.#beginValue();
      case "first-row":
        if (byte === CLOSE_BRACKET) return this.#expect(byte, CLOSE_BRACKET, "result-end");
        return this.#beginRow(byte);
      case "row":
        return this.#beginRow(byte);
      case "row-end":
        if (byte === CLOSE_BRACKET) return this.#expect(byte, CLOSE_BRACKET, "result-end");
        return this.#expect(byte, COMMA, "row");
      case "result-end":
        return this.#expect(byte, COMMA, "tag");
      case "tag-end":
        return this.#expect(byte, CLOSE_BRACKET, "next-answer");
      default:
        throw this.#unexpected();
    }
  }

  #expect(byte: number, expected: number, next: State): undefined {
    if (byte !== expected) throw this.#unexpected();
    this.#at++;
    this.#state = next;
  }

  #beginRow(byte: number): undefined {
    if (byte !== OPEN_BRACE) throw this.#unexpected();
    this.#beginValue();
  }

  #beginValue(): undefined {
    this.#inValue = true;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
  }

  /** Looks for the value's end in the chunk. */
  #goOnWithValue(): HttpAnswerEvent | undefined {
    const start = this.#at;
    const isWhole = this.#findEnd();
    const size = this.#gathered.size + this.#at - start;
    if (size > this.#limit) {
      throw this.#failed(
        `it has ${
          wanted[this.#state]
        } of more than ${this.#limit} bytes. If that is what it has, ` +
          'raise "limits.row"',
        { limit: "row" },
      );
    }
    if (isWhole && this.#gathered.size === 0) {
      return this.#endValue(this.#chunk.subarray(start, this.#at));
    }
    this.#gathered.push(this.#chunk, start, this.#at);
    return isWhole ? this.#endValue(this.#gathered.take()) : undefined;
  }

  /** Moves on to behind the value, or to the chunk's end; says whether the value is whole. */
  #findEnd(): boolean {
    const chunk = this.#chunk;
    const end = chunk.length;
    let at = this.#at;
    let isWhole = false;
    scan: while (at < end) {
      if (this.#inString) {
        if (this.#escaped) {
          this.#escaped = false;
          at++;
          continue;
        }
        let byte = 0;
        while (at < end && (byte = chunk[at]) !== QUOTE && byte !== BACKSLASH) at++;
        if (at === end) break;
        at++;
        if (byte === BACKSLASH) {
          this.#escaped = true;
          continue;
        }
        this.#inString = false;
        isWhole = this.#depth === 0;
        if (isWhole) break;
        continue;
      }
      switch (chunk[at]) {
        case QUOTE:
          this.#inString = true;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (++this.#depth > deepest) throw this.#failed(`it is nested deeper than ${deepest}`);
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          // A number's or a word's end, which is not a part of it.
          if (this.#depth === 0) {
            isWhole = true;
            break scan;
          }
          if (--this.#depth === 0) {
            at++;
            isWhole = true;
            break scan;
          }
          break;
        case COMMA:
          if (this.#depth === 0) {
            isWhole = true;
            break scan;
          }
      }
      at++;
    }
    this.#at = at;
    return isWhole;
  }

  /** Takes a value that is whole. */
  #endValue(bytes: Uint8Array): HttpAnswerEvent | undefined {
    this.#inValue = false;
    let value: unknown;
    try {
      value = parseJson(decodeUtf8(bytes));
    } catch {
      throw this.#failed(`it is no JSON: ${quote(bytes)}`);
    }
    switch (this.#state) {
      case "kind":
        if (value !== "doveadmResponse" && value !== "error") {
          throw this.#failed(`it has an answer of an unknown kind, ${quote(bytes)}`);
        }
        this.#kind = value;
        this.#value = undefined;
        this.#rows = 0;
        this.#state = "kind-end";
        return undefined;
      case "result":
        this.#value = value;
        this.#state = "result-end";
        return undefined;
      case "tag":
        this.#state = "tag-end";
        return {
          type: "answer",
          kind: this.#kind,
          ...(this.#value === undefined ? {} : { value: this.#value }),
          rows: this.#rows,
          tag: value as string,
        };
      default:
        this.#rows++;
        this.#state = this.#state === "late-row" ? "result-end" : "row-end";
        return { type: "row", row: value as Readonly<Record<string, unknown>> };
    }
  }

  #unexpected(): RemoteProtocolError {
    return this.#failed(
      `${quote(this.#chunk.subarray(this.#at))} stands where ${wanted[this.#state]} should`,
    );
  }

  #failed(message: string, options: { limit?: string } = {}): RemoteProtocolError {
    this.#state = "failed";
    this.#chunk = new Uint8Array(0);
    return new RemoteProtocolError(message, options);
  }
}
