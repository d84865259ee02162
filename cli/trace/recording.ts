/**
 * Reads recorded conversations: one step, or one conversation, a line.
 *
 * A step of a conversation is an object with the keys
 *
 * - `connection`: the conversation's number; 1 if left out
 * - `time`: when it was, as in "2026-01-31T12:00:00.000Z"; may be left out
 * - `open`: the conversation begins, and this is its name
 * - `from`: "client" or "server", and what it sent: `bytes` in base64, or `text`, or `"end": true` where it
 *   sends no more
 * - `close`: nothing more is known, and this is why; "" if both sides have ended
 *
 * A whole conversation is an object with `steps`, and may have a `name`. Each step is an array of "C" for the
 * client or "S" for the server, and bytes in base64, which are left out where that side sends no more.
 *
 * @module
 */

import { decodeUtf8Strictly, encodeUtf8, InputQueue, quoteText } from "@dovewire/dovewire/core";
import type { TraceSide } from "@dovewire/dovewire/core/doveadm";
import { UsageError } from "../command_line/usage_error.ts";
import type { Step } from "./step.ts";

/** The longest line, in bytes. */
const longestLine = 256 * 1024 * 1024;

/** The keys of a step. */
const stepKeys = ["connection", "time", "open", "from", "bytes", "text", "end", "close"];

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a recording; throws a `UsageError` that says what is wrong with which line of `file`. */
export async function* readRecording(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Step, void, void> {
  const reader = new RecordingReader(file);
  for await (const line of linesOf(chunks, reader)) yield* reader.read(line);
  reader.end();
}

/** The lines, without their ends; the last one needs none. */
async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  reader: RecordingReader,
): AsyncGenerator<Uint8Array, void, void> {
  const queue = new InputQueue();
  const take = () => queue.takeLine(longestLine, () => reader.tooLong());
  for await (const chunk of chunks) {
    queue.push(chunk);
    for (let line; (line = take()) !== undefined;) yield line;
  }
  if (queue.size === 0) return;
  queue.push(encodeUtf8("\n"));
  yield take()!;
}

class RecordingReader {
  readonly #file: string;
  #line = 0;
  #conversations = 0;

  constructor(file: string) {
    this.#file = file;
  }

  *read(line: Uint8Array): Generator<Step, void, void> {
    this.#line++;
    const text = decodeUtf8Strictly(line);
    if (text === undefined) throw this.#wrong(`it isn't UTF-8. ${howToGiveBytes}`);
    if (text.trim() === "") return;
    const value = this.#parse(text);
    if ("steps" in value) yield* this.#conversation(value);
    else yield this.#step(value);
  }

  /** Throws if there was nothing. */
  end(): void {
    if (this.#line > 0) return;
    throw new UsageError(`${this.#file} is empty: there is no conversation in it.`, {
      exitCode: 65,
    });
  }

  tooLong(): UsageError {
    this.#line++;
    return this.#wrong(`it has more than ${longestLine} bytes. ${howToGiveBytes}`);
  }

  #parse(text: string): JsonObject {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#wrong(
        `it begins with ${quoteText(text, 20)} and isn't JSON. ${
          text.startsWith("VERSION\t") ? howToGiveBytes : forms
        }`,
      );
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as JsonObject;
    }
    throw this.#wrong(`it isn't an object. ${forms}`);
  }

  *#conversation({ name = "", steps }: JsonObject): Generator<Step, void, void> {
    const connection = ++this.#conversations;
    if (typeof name !== "string") throw this.#wrong('"name" isn\'t a text.');
    if (!Array.isArray(steps)) throw this.#wrong(`"steps" isn't an array. ${forms}`);
    yield { type: "open", connection, name };
    for (const [at, step] of steps.entries()) {
      const [who, bytes, ...rest] = Array.isArray(step) ? step : [];
      if ((who !== "C" && who !== "S") || rest.length > 0) {
        throw this.#wrong(`step ${at + 1} isn't ["C", bytes] or ["S", bytes].`);
      }
      const from: TraceSide = who === "C" ? "client" : "server";
      if (bytes === undefined) yield { type: "end", connection, from };
      else yield { type: "bytes", connection, from, bytes: this.#base64(bytes, `step ${at + 1}`) };
    }
    yield { type: "close", connection };
  }

  #step(value: JsonObject): Step {
    for (const key of Object.keys(value)) {
      if (!stepKeys.includes(key)) throw this.#wrong(`it has no key ${quoteText(key)}. ${forms}`);
    }
    const { connection = 1, open, close, from, bytes, text, end } = value;
    if (!Number.isSafeInteger(connection)) throw this.#wrong('"connection" isn\'t a number.');
    const time = this.#time(value.time);
    const base = {
      connection: connection as number,
      ...(time === undefined ? {} : { time }),
    };
    const kinds = [open, close, from].filter((kind) => kind !== undefined);
    if (kinds.length !== 1) throw this.#wrong(`it needs one of "open", "from" and "close".`);
    if (open !== undefined) {
      if (typeof open === "string") return { type: "open", name: open, ...base };
      throw this.#wrong('"open" isn\'t a text.');
    }
    if (close !== undefined) {
      if (typeof close !== "string") throw this.#wrong('"close" isn\'t a text.');
      return { type: "close", ...base, ...(close === "" ? {} : { problem: close }) };
    }
    if (from !== "client" && from !== "server") {
      throw this.#wrong(`"from" is ${shortJson(from)}. Set it to "client" or "server".`);
    }
    if ([bytes, text, end].filter((kind) => kind !== undefined).length !== 1) {
      throw this.#wrong('a step "from" a side needs one of "bytes", "text" and "end".');
    }
    if (end !== undefined) {
      if (end !== true) throw this.#wrong('"end" isn\'t true.');
      return { type: "end", from, ...base };
    }
    if (text === undefined) {
      return { type: "bytes", from, bytes: this.#base64(bytes, '"bytes"'), ...base };
    }
    if (typeof text !== "string") throw this.#wrong('"text" isn\'t a text.');
    return { type: "bytes", from, bytes: encodeUtf8(text), ...base };
  }

  #time(value: unknown): Date | undefined {
    if (value === undefined) return undefined;
    const time = new Date(typeof value === "string" ? value : NaN);
    if (!Number.isNaN(time.getTime())) return time;
    throw this.#wrong(`"time" is ${shortJson(value)}. Write it as in "2026-01-31T12:00:00.000Z".`);
  }

  #base64(value: unknown, what: string): Uint8Array {
    const isBase64 = typeof value === "string" && value.length % 4 === 0 &&
      !/[^A-Za-z0-9+/]/.test(value.slice(0, -2)) && /^(?:|[A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)$/
      .test(value.slice(-2));
    if (!isBase64) throw this.#wrong(`${what} isn't base64.`);
    const binary = atob(value);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  }

  #wrong(what: string): UsageError {
    return new UsageError(`Line ${this.#line} of ${this.#file} can't be read: ${what}`, {
      exitCode: 65,
    });
  }
}

const forms = "Each line is a step as --record writes them, or a conversation with its steps.";

const howToGiveBytes =
  "For the bytes that a side sent, as they are, use --from-client and --from-server.";

function shortJson(value: unknown): string {
  return quoteText(JSON.stringify(value) ?? "nothing", 40);
}
