/**
 * Reads the answers of Dovecot's HTTP API as they arrive: JSON of any size, one row at a time.
 *
 * A body is `[["doveadmResponse", [ROW, …], "tag"], ["error", {…}, "tag"], …]`. Only its frame is read
 * here, by the table {@linkcode states}; each value in it is a {@linkcode JsonValue}.
 *
 * @module
 */

import { decodeUtf8, quoteText } from "../../core/mod.ts";
import { RemoteProtocolError } from "../../core/errors.ts";
import type { HttpLimits } from "./limits.ts";
import { deepestNesting, JsonValue } from "./json_value.ts";

/** An event of an answer body. */
export type HttpAnswerEvent =
  | {
    /** A row of the answer that is arriving. */
    readonly type: "row";
    /** Its values by column. */
    readonly row: Readonly<Record<string, unknown>>;
  }
  | {
    /** An answer has arrived; its rows, if any, came before. */
    readonly type: "answer";
    /** Whether the command succeeded. */
    readonly kind: "doveadmResponse" | "error";
    /** The answer, if it is not a list of rows. */
    readonly value?: unknown;
    /** How many rows came before it. */
    readonly rows: number;
    /** The tag of the command that it answers. */
    readonly tag: string;
  };

/** Options for an {@linkcode HttpAnswerReader}. */
export interface HttpAnswerReaderOptions {
  /** The limits of an answer: of all its rows together, or of each row if they are streamed. */
  readonly limits: Required<HttpLimits>;
  /** Whether rows are taken one by one, so that no more than one is in memory. */
  readonly isStream: boolean;
  /** Quotes a text of the server for messages, without secrets that it may echo. */
  readonly quote?: (text: string) => string;
}

/** Where in the frame the reader is. */
type State =
  | "start"
  | "first answer"
  | "after answer"
  | "answer"
  | "kind"
  | "after kind"
  | "after error kind"
  | "result"
  | "error result"
  | "first row"
  | "row"
  | "after row"
  | "after rows"
  | "after result"
  | "tag or late row"
  | "tag"
  | "after tag"
  | "over";

/** Instead of a state: a value starts with this byte. */
const value = Symbol("value");

interface StateRules {
  /** What is expected, for messages. */
  readonly expected: string;
  /** The state after each character that may come. */
  readonly on: Readonly<Record<string, State | typeof value>>;
  /** The state after all other characters; if left out, they are an error. */
  readonly otherwise?: typeof value;
}

/** The frame of a body, state by state. White space may come anywhere. */
const states: Readonly<Record<State, StateRules>> = {
  "start": { expected: 'the "[" of the answers', on: { "[": "first answer" } },
  "first answer": { expected: 'an answer or "]"', on: { "[": "kind", "]": "over" } },
  "after answer": {
    expected: 'another answer or "]"',
    // Dovecot 2.3 leaves out the comma between two answers of which one is an error that it found before it
    // ran the command. The body is unambiguous all the same.
    on: { ",": "answer", "[": "kind", "]": "over" },
  },
  "answer": { expected: "an answer", on: { "[": "kind" } },
  "kind": { expected: "the kind of an answer", on: { '"': value } },
  "after kind": { expected: 'a "," after the kind of an answer', on: { ",": "result" } },
  "after error kind": {
    expected: 'a "," after the kind of an answer',
    on: { ",": "error result" },
  },
  "result": {
    expected: "what a command answered",
    // A "," here: a command that prints nothing, not even an empty list.
    on: { "[": "first row", ",": "tag" },
    otherwise: value,
  },
  "error result": { expected: "what is wrong with a command", on: { "{": value } },
  "first row": { expected: 'a row or "]"', on: { "{": value, "]": "after rows" } },
  "row": { expected: "a row", on: { "{": value } },
  "after row": { expected: 'another row or "]"', on: { ",": "row", "]": "after rows" } },
  "after rows": { expected: 'a "," after the rows', on: { ",": "tag or late row" } },
  "after result": { expected: 'a "," after what a command answered', on: { ",": "tag" } },
  // Dovecot 2.3 ends the list of `who` after its first row, and sends the others here.
  "tag or late row": { expected: "the tag of an answer", on: { '"': value, "{": value } },
  "tag": { expected: "the tag of an answer", on: { '"': value } },
  "after tag": { expected: 'the "]" of an answer', on: { "]": "after answer" } },
  "over": { expected: "the end", on: {} },
};

/** Reads a body that arrives in any pieces. */
export class HttpAnswerReader {
  readonly #limits: Required<HttpLimits>;
  readonly #isStream: boolean;
  readonly #quote: (text: string) => string;
  #state: State = "start";
  #failure: RemoteProtocolError | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The value that is being read. */
  #value: JsonValue | undefined;
  /** The answer that is being read: its kind, its value, and the size of its rows. */
  #kind: "doveadmResponse" | "error" = "error";
  #result: unknown;
  #rows = 0;
  #size = 0;
  #values = 0;

  /** Creates a reader of one body. */
  constructor({ limits, isStream, quote = quoteText }: HttpAnswerReaderOptions) {
    this.#limits = limits;
    this.#isStream = isStream;
    this.#quote = quote;
  }

  /** Takes bytes that arrived, after all earlier ones have been read. */
  receive(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Ends the input. Throws a {@linkcode RemoteProtocolError} if something is missing. */
  receiveEnd(): void {
    if (this.#state === "over") return;
    throw new RemoteProtocolError(
      `it ends too early: ${this.#value === undefined ? "before" : "in the middle of"} ${
        states[this.#state].expected
      }`,
    );
  }

  /**
   * The next event, or `undefined` if more bytes are needed. Throws a {@linkcode RemoteProtocolError} for
   * an invalid answer, and rethrows the same error afterwards; its message starts in lower case, to follow
   * the description of the request.
   */
  nextEvent(): HttpAnswerEvent | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    while (this.#at < this.#chunk.length) {
      if (this.#value === undefined) this.#readFrame();
      else {
        const event = this.#readValue(this.#value);
        if (event !== undefined) return event;
      }
    }
    return undefined;
  }

  /** Takes one byte of the frame, or starts a value with it. */
  #readFrame(): void {
    const sign = String.fromCharCode(this.#chunk[this.#at]);
    if (sign === " " || sign === "\n" || sign === "\r" || sign === "\t") {
      this.#at++;
      return;
    }
    const { on, otherwise } = states[this.#state];
    const next = Object.hasOwn(on, sign) ? on[sign] : otherwise;
    if (next === undefined) throw this.#unexpected();
    if (next === value) {
      this.#value = new JsonValue();
      return;
    }
    this.#at++;
    this.#state = next;
  }

  /** Takes bytes of a value; its last byte may complete an event. */
  #readValue(json: JsonValue): HttpAnswerEvent | undefined {
    this.#at = json.read(this.#chunk, this.#at);
    if (json.isTooDeep) throw this.#failed(`it is nested deeper than ${deepestNesting}`);
    if (this.#size + json.size > this.#limits.reply) throw this.#overLimit("reply", "bytes");
    if (this.#values + json.values > this.#limits.values) throw this.#overLimit("values", "values");
    if (!json.isWhole) return undefined;
    this.#value = undefined;
    let parsed: unknown;
    try {
      parsed = json.parse();
    } catch {
      throw this.#failed(`it is not JSON: ${this.#quote(json.beginning)}`);
    }
    return this.#takeValue(parsed, json);
  }

  #takeValue(parsed: unknown, json: JsonValue): HttpAnswerEvent | undefined {
    switch (this.#state) {
      case "kind":
        this.#beginAnswer(parsed);
        return undefined;
      case "result":
      case "error result":
        this.#result = parsed;
        this.#state = "after result";
        return undefined;
      case "first row":
      case "row":
        this.#state = "after row";
        return this.#endRow(parsed, json);
      case "tag or late row":
        if (typeof parsed === "string") return this.#endAnswer(parsed);
        // Such a row can only follow a list with a first row: otherwise only a tag is allowed.
        if (this.#rows === 0) throw this.#failed("it has a row after an empty list of rows");
        this.#state = "after rows";
        return this.#endRow(parsed, json);
      default:
        return this.#endAnswer(parsed as string);
    }
  }

  #beginAnswer(kind: unknown): void {
    if (kind !== "doveadmResponse" && kind !== "error") {
      throw this.#failed(`it has an answer of an unknown kind, ${this.#quote(String(kind))}`);
    }
    this.#kind = kind;
    this.#result = undefined;
    this.#rows = 0;
    this.#state = kind === "error" ? "after error kind" : "after kind";
  }

  #endRow(row: unknown, json: JsonValue): HttpAnswerEvent {
    this.#rows++;
    if (!this.#isStream) {
      this.#size += json.size;
      this.#values += json.values;
    }
    // A value that starts with "{" is an object.
    return { type: "row", row: row as Readonly<Record<string, unknown>> };
  }

  #endAnswer(tag: string): HttpAnswerEvent {
    this.#state = "after tag";
    this.#size = 0;
    this.#values = 0;
    return {
      type: "answer",
      kind: this.#kind,
      ...(this.#result === undefined ? {} : { value: this.#result }),
      rows: this.#rows,
      tag,
    };
  }

  #unexpected(): RemoteProtocolError {
    const found = decodeUtf8(this.#chunk.subarray(this.#at, this.#at + 4096));
    return this.#failed(
      `${this.#quote(found)} stands where ${states[this.#state].expected} should`,
    );
  }

  #overLimit(limit: keyof HttpLimits, unit: string): RemoteProtocolError {
    const what = this.#isStream ? "a row" : "a command's answer";
    return this.#failed(
      `it has ${what} of more than ${this.#limits[limit]} ${unit}. ` +
        `${this.#isStream ? "Raise" : "Take its rows one by one with rows(), or raise"} ` +
        `"limits.${limit}"`,
      limit,
    );
  }

  #failed(message: string, limit?: string): RemoteProtocolError {
    this.#chunk = new Uint8Array(0);
    this.#value = undefined;
    return this.#failure = new RemoteProtocolError(message, { limit });
  }
}
