/**
 * One request to Dovecot's HTTP API, `POST /doveadm/v1`, and what it answers, as it arrives.
 *
 * What Dovecot 2.3.19.1 and 2.4.1 were seen to do, over and above their documentation:
 *
 * - **Answers.** Most commands answer with a list of rows, an empty one where they print nothing.
 *   `user` answers with an object. A command that fails loses the rows that it had. Answers come in
 *   the order of the commands; on 2.3 the comma between two is missing where one is an error that was
 *   found before the command ran, which is read all the same.
 * - **Values.** All are strings, numbers and "yes"/"no" too, but for the numbers of `stats dump`, which
 *   are JSON numbers. There is no nesting but in `user`. A field that is asked for twice is there once.
 * - **Bytes.** A byte that isn't UTF-8 becomes U+FFFD, one for each byte, and can't be had back. NUL and
 *   other control characters arrive as they are. In values of more than 8 KiB (`fetch text`) a character
 *   that the edge of the server's buffer cuts in two becomes several U+FFFD on 2.3, and makes 2.4.1
 *   crash, so that no answer comes. Mail that isn't ASCII is to be fetched over TCP.
 * - **JSON.** Both versions escape what has to be escaped, so that nothing had to be tolerated there. On
 *   2.3 the list of `who` ends behind its first row, and the others come behind it.
 * - **Requests.** 2.3: 1 MiB in all, answered with 413 or cut off. 2.4: strings of 32,768 bytes, and
 *   lists of 1,024 items, answered with 400. A NUL can't be sent. 2.3 takes a boolean that is a string
 *   for `false`, unless it is "true"; 2.4 answers 400, and crashes on an object as a value.
 * - **400** is about the whole request, though commands ahead of the bad one have run.
 * - **No response** at all, but a closed connection, where a command gives up early, as over TCP; also on
 *   2.3 where a command such as `who` comes behind one that acts on mail, and on 2.4.1 to
 *   `authCacheFlush`, which crashes. Each response ends its connection.
 *
 * Source: Dovecot's src/doveadm/client-connection-http.c, src/doveadm/doveadm-print-json.c.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8, LocalProtocolError } from "../../core/mod.ts";
import { RemoteProtocolError } from "../../core/mod.ts";
import type { CommandError } from "../client/command_error.ts";
import { type HttpAnswerEvent, HttpAnswerReader } from "./answers.ts";
import { authorizationOf, type HttpEndpoint, peerOf, urlToFetch } from "./endpoint.ts";
import {
  answerError,
  commandError,
  fetchError,
  type HttpRequestFacts,
  lostError,
  nameOf,
  statusError,
} from "./failures.ts";
import { HttpPatience } from "./patience.ts";
import { defaultTimeout } from "../../transports/timers.ts";

/** What a parameter can be. A `bigint` is sent as the text of its digits. */
export type HttpValue = string | number | bigint | boolean | readonly string[];

/** One command of a request. */
export interface HttpCommand {
  /** Its name in the API: "mailboxStatus". */
  readonly method: string;
  /** Its parameters by their names in the API; those that are `undefined` are left out. */
  readonly parameters: Readonly<Record<string, HttpValue | undefined>>;
  /** What messages call it: "mailbox status"; the method if left out. */
  readonly name?: string;
}

/** What comes of a request: for each command any number of rows, then one "end" or "failure". */
export type HttpEvent =
  | {
    /** A row, as soon as it is there. */
    readonly type: "row";
    /** The index in the request of the command that it belongs to. */
    readonly command: number;
    /** Its values by column. */
    readonly row: Readonly<Record<string, unknown>>;
  }
  | {
    /** The command went well. */
    readonly type: "end";
    /** Its index in the request. */
    readonly command: number;
    /** What it answered, where that is no list of rows. */
    readonly value?: unknown;
  }
  | {
    /** The command failed. */
    readonly type: "failure";
    /** Its index in the request. */
    readonly command: number;
    /** Why. */
    readonly error: CommandError;
  };

/** When to give up on a request, and on what. */
export interface ExchangeOptions {
  /** Gives up on the request; a command that was sent may run all the same. */
  readonly signal?: AbortSignal;
  /** In milliseconds; 60 s if left out, 0 for ever. */
  readonly timeout?: number;
  /**
   * Whether the time-out is for each piece of the answer, and stands still while nobody asks for the
   * next one; otherwise it is for the whole of it.
   */
  readonly isStream?: boolean;
  /** What a server may send. */
  readonly limits?: HttpLimits;
}

/** What a server may send. */
export interface HttpLimits {
  /** Bytes of one row, or of an answer that is no list of rows; 256 MiB if left out. */
  readonly row?: number;
}

const defaultRowLimit = 256 * 1024 * 1024;

/** How much of a refusal is read, in bytes. */
const refusalRead = 4096;

/**
 * Sends commands in one request and gives what comes of them.
 *
 * The answer is read no faster than events are taken, and one row is in memory at a time. Every
 * command gets its rows and one "end" or "failure", or the generator throws. An answer is matched by
 * its tag; since that comes behind the rows, these are taken to belong to the first command that has
 * no answer yet, which is the order in which Dovecot answers, and the tag has to agree. Leaving the
 * loop early closes the connection.
 *
 * Throws, at the first step, a `LocalProtocolError` for a command that can't be sent, and then: an
 * `AuthenticationError`; a `ConnectError` where the runtime tells that no connection was made; a
 * `ConnectionLostError` where it ended; a `RemoteProtocolError` for another HTTP status than 200 and
 * for an answer that can't be used; a `TimeoutError`, always of the phase "command", since `fetch`
 * doesn't tell how far it got; an `AbortError`.
 */
export async function* exchange(
  endpoint: HttpEndpoint,
  commands: readonly HttpCommand[],
  options: ExchangeOptions = {},
): AsyncGenerator<HttpEvent, void, void> {
  const body = encodeCommands(commands);
  const names = commands.map(({ name, method }) => name ?? method);
  const facts = { endpoint, commands: names, size: body.length };
  const answers = new Answers(facts);
  for await (const event of read(facts, body, options)) yield answers.eventOf(event);
  answers.checkComplete();
}

/** A command that a server offers. */
export interface HttpMethod {
  /** Its name in the API: "mailboxStatus". */
  readonly command: string;
  /** Its parameters. */
  readonly parameters: readonly {
    /** Its name in the API. */
    readonly name: string;
    /** "string", "boolean", "integer" or "array". */
    readonly type: string;
  }[];
}

/** Asks a server which commands it offers. Rejects with what {@linkcode exchange} throws. */
export async function listCommands(
  endpoint: HttpEndpoint,
  options: ExchangeOptions = {},
): Promise<readonly HttpMethod[]> {
  const facts = { endpoint, commands: [], size: 0 };
  const chunks: Uint8Array[] = [];
  for await (const chunk of open(facts, undefined, patienceFor(facts, options))) chunks.push(chunk);
  let list: unknown;
  try {
    list = JSON.parse(decodeUtf8(concat(chunks)));
  } catch (cause) {
    throw answerError("it is no JSON", facts, { cause });
  }
  if (!Array.isArray(list) || !list.every(isMethod)) {
    throw answerError("it is no list of commands and their parameters", facts);
  }
  return list;
}

function isMethod(value: unknown): value is HttpMethod {
  const { command, parameters } = (value ?? {}) as Record<string, unknown>;
  return typeof command === "string" && Array.isArray(parameters) &&
    parameters.every((parameter) =>
      typeof parameter?.name === "string" && typeof parameter.type === "string"
    );
}

/** Gives the answers in a response, as they arrive. */
async function* read(
  facts: HttpRequestFacts,
  body: Uint8Array,
  options: ExchangeOptions,
): AsyncGenerator<HttpAnswerEvent, void, void> {
  const reader = new HttpAnswerReader(options.limits?.row ?? defaultRowLimit);
  const patience = patienceFor(facts, options);
  for await (const chunk of open(facts, body, patience)) {
    reader.receive(chunk);
    for (;;) {
      const event = blaming(facts, () => reader.nextEvent());
      if (event === undefined) break;
      yield event;
      if (patience.error !== undefined) throw patience.error;
    }
  }
  try {
    reader.receiveEnd();
  } catch (error) {
    if (!(error instanceof RemoteProtocolError)) throw error;
    // Not every runtime tells a connection that broke off from an answer that is over.
    throw lostError(error, facts, `the response was cut short (${error.message})`);
  }
}

/** Reads, and says of what can't be read who answered so to what. */
function blaming<T>(facts: HttpRequestFacts, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof RemoteProtocolError)) throw error;
    throw answerError(error.message, facts, { cause: error, limit: error.limit });
  }
}

function patienceFor(
  { endpoint, commands }: HttpRequestFacts,
  { signal, timeout = defaultTimeout, isStream = false }: ExchangeOptions,
): HttpPatience {
  return new HttpPatience(nameOf(commands), { signal, timeout, isStream, peer: peerOf(endpoint) });
}

/** Sends a request, and gives the body of its response as it is asked for. */
async function* open(
  facts: HttpRequestFacts,
  body: Uint8Array | undefined,
  patience: HttpPatience,
): AsyncGenerator<Uint8Array, void, void> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const response = await respond(facts, body, patience);
    reader = response.body?.getReader();
    if (response.status !== 200) {
      throw statusError(response, await beginningOf(reader, patience), facts);
    }
    while (reader !== undefined) {
      const { done, value } = await nextOf(reader, facts, patience);
      if (done) return;
      yield value;
    }
  } finally {
    // Ends what is still under way: a body that was not read to its end would keep its connection.
    patience.end();
    reader?.cancel().catch(() => {});
  }
}

async function respond(
  facts: HttpRequestFacts,
  body: Uint8Array | undefined,
  patience: HttpPatience,
): Promise<Response> {
  const { endpoint } = facts;
  const headers = new Headers({ accept: "application/json" });
  const authorization = authorizationOf(endpoint);
  if (authorization !== undefined) headers.set("authorization", authorization);
  if (body !== undefined) headers.set("content-type", "application/json");
  if (patience.error !== undefined) throw patience.error;
  patience.sending();
  // Called without its object, which runtimes' own `fetch` may refuse to be called on.
  const { fetch } = endpoint;
  try {
    return await patience.wait(fetch(urlToFetch(endpoint), {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body as BodyInit | undefined,
      redirect: "manual",
      signal: patience.signal,
    }));
  } catch (error) {
    throw patience.error ?? fetchError(error, facts);
  }
}

async function nextOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  facts: HttpRequestFacts,
  patience: HttpPatience,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  if (patience.error !== undefined) throw patience.error;
  try {
    return await patience.wait(reader.read());
  } catch (error) {
    throw patience.error ?? lostError(error, facts, "the response was cut short");
  }
}

/** How a refusal's body begins; nothing where it can't be had. */
async function beginningOf(
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  patience: HttpPatience,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    while (reader !== undefined && size < refusalRead) {
      const { done, value } = await patience.wait(reader.read());
      if (done) break;
      chunks.push(value);
      size += value.length;
    }
  } catch {
    if (patience.error !== undefined) throw patience.error;
  }
  return decodeUtf8(concat(chunks).subarray(0, refusalRead));
}

/** Which commands have their answer, and whose one that arrives is. */
class Answers {
  #facts: HttpRequestFacts;
  /** The commands without an answer, in the order in which they were sent. */
  #unanswered: Set<number>;

  constructor(facts: HttpRequestFacts) {
    this.#facts = facts;
    this.#unanswered = new Set(facts.commands.keys());
  }

  /** What an event is to the caller. Throws where it doesn't fit the request. */
  eventOf(event: HttpAnswerEvent): HttpEvent {
    const [next] = this.#unanswered;
    if (event.type === "row") {
      if (next === undefined) throw this.#error("it answers more commands than were sent");
      return { type: "row", command: next, row: event.row };
    }
    const { kind, value, rows, tag } = event;
    const command = this.#facts.commands.findIndex((_, index) => tagOf(index) === tag);
    if (command === -1) throw this.#error(`it has a tag that was not sent, ${JSON.stringify(tag)}`);
    if (!this.#unanswered.has(command)) throw this.#error(`it answers the tag "${tag}" twice`);
    if (rows > 0 && command !== next) {
      throw this.#error(`it has rows for the tag "${tag}" ahead of the turn of "${tagOf(next)}"`);
    }
    this.#unanswered.delete(command);
    if (kind === "error") {
      const error = commandError(this.#facts.commands[command], value);
      if (error === undefined) throw this.#error("it has an error without a type");
      return { type: "failure", command, error };
    }
    return "value" in event ? { type: "end", command, value } : { type: "end", command };
  }

  /** Throws unless every command has its answer. */
  checkComplete(): void {
    if (this.#unanswered.size === 0) return;
    const unanswered = [...this.#unanswered];
    const names = nameOf(unanswered.map((index) => this.#facts.commands[index]));
    throw this.#error(`it has no answer to "${names}"`, unanswered);
  }

  #error(what: string, unanswered: readonly number[] = [...this.#unanswered]): RemoteProtocolError {
    return answerError(what, this.#facts, { unanswered });
  }
}

function tagOf(index: number): string {
  return String(index);
}

/** The body of a request. Throws a `LocalProtocolError` for what can't be sent. */
function encodeCommands(commands: readonly HttpCommand[]): Uint8Array {
  if (commands.length === 0) throw new LocalProtocolError("There is no command to send. Give one.");
  const request = commands.map((command, index) => [
    checkText(command.method, `the method of command ${index}`),
    encodeParameters(command),
    tagOf(index),
  ]);
  return encodeUtf8(JSON.stringify(request));
}

function encodeParameters({ method, parameters }: HttpCommand): Record<string, unknown> {
  const encoded = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const what = `the parameter "${name}" of "${method}"`;
      checkText(name, `the name of ${what}`);
      return [name, encodeValue(value as HttpValue, what)];
    });
  return Object.fromEntries(encoded);
}

function encodeValue(value: HttpValue, what: string): string | number | boolean | string[] {
  switch (typeof value) {
    case "string":
      return checkText(value, what);
    case "boolean":
      return value;
    case "bigint":
      return String(value);
    case "number":
      if (Number.isSafeInteger(value)) return value;
      throw new LocalProtocolError(`Cannot send ${value} as ${what}. Give a whole number.`);
    default:
      if (Array.isArray(value)) return value.map((item) => checkText(item, `an item of ${what}`));
      throw new LocalProtocolError(
        `Cannot send ${what}: it is neither a text, a whole number, a boolean, nor a list of texts.`,
      );
  }
}

/** A text as Dovecot can read it. */
function checkText(text: unknown, what: string): string {
  if (typeof text !== "string") throw new LocalProtocolError(`Cannot send ${what}: it is no text.`);
  if (text.includes("\0")) {
    throw new LocalProtocolError(`Cannot send ${what}: it has a NUL, which Dovecot refuses.`);
  }
  // Half a surrogate pair becomes U+FFFD, as over TCP; Dovecot would refuse the whole request.
  return text.toWellFormed();
}
