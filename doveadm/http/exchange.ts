/**
 * One request to Dovecot's HTTP API, `POST /doveadm/v1`, and its answers as they arrive.
 *
 * Behaviour of Dovecot 2.3.19.1 and 2.4.1 beyond their documentation:
 *
 * - **Answers.** Most commands answer with a list of rows, which is empty if they print nothing. `user`
 *   answers with an object. A command that fails loses the rows that it had. Answers come in the order of
 *   the commands. On 2.3 the comma between two is missing if one is an error that was found before the
 *   command ran; the reader accepts that.
 * - **Values.** All are strings, also numbers and "yes"/"no", except the numbers of `stats dump`, which are
 *   JSON numbers. Only `user` has nested values. A field that is requested twice is returned once.
 * - **Bytes.** Each byte that isn't UTF-8 becomes a U+FFFD and is lost. NUL and other control characters
 *   are preserved. In values of more than 8 KiB (`fetch text`) a character may cross the end of the server's
 *   buffer: 2.3 makes several U+FFFD of it, 2.4.1 crashes, so that no answer comes. Fetch mail that isn't
 *   ASCII over TCP.
 * - **JSON.** Both versions escape correctly. On 2.3 the list of `who` ends after its first row, and the
 *   other rows follow it.
 * - **Requests.** 2.3 accepts 1 MiB in all; it answers larger ones with 413, or closes the connection. 2.4
 *   accepts strings of 32,768 bytes and lists of 1,024 items, and answers others with 400. NUL can't be
 *   sent. If a boolean is sent as a string, 2.3 reads "true" as `true` and all others as `false`; 2.4 answers
 *   400, and crashes on an object as a value.
 * - **400** is the answer to the whole request, even if commands before the bad one have run.
 * - **No response**, only a closed connection, comes if a command aborts early, as over TCP; on 2.3 also
 *   for a command such as `who` after one that acts on mail, and on 2.4.1 for `authCacheFlush`, which
 *   crashes. The server closes the connection after each response.
 *
 * Source: Dovecot's src/doveadm/client-connection-http.c, src/doveadm/doveadm-print-json.c.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/mod.ts";
import { Pause } from "../../transports/pause.ts";
import type { CommandError } from "../client/command_error.ts";
import { type HttpAnswerEvent, HttpAnswerReader } from "./answer_reader.ts";
import type { HttpApi } from "./api.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { commandError } from "./command_errors.ts";
import { encodeCommands, type HttpCommand, indexOfTag, tagOf } from "./request_body.ts";
import { answerError, type HttpRequest, lostError, nameOf } from "./request_errors.ts";

/** The events of a request: for each command any number of rows, then one "end" or "failure". */
export type HttpEvent =
  | {
    /** A row, as soon as it has arrived. */
    readonly type: "row";
    /** The index in the request of the command that it belongs to. */
    readonly command: number;
    /** Its values by column. */
    readonly row: Readonly<Record<string, unknown>>;
  }
  | {
    /** The command succeeded. */
    readonly type: "end";
    /** Its index in the request. */
    readonly command: number;
    /** The answer, if it is not a list of rows. */
    readonly value?: unknown;
  }
  | {
    /** The command failed. */
    readonly type: "failure";
    /** Its index in the request. */
    readonly command: number;
    /** The reason. */
    readonly error: CommandError;
  };

/**
 * Sends commands in one request and yields the events, as many at once as have arrived.
 *
 * The answer is read no faster than events are taken, chunk by chunk. Every command gets its rows and one
 * "end" or "failure", or the generator throws. An answer is matched by its tag, which comes after the rows.
 * So rows are assigned to the first command without an answer, which is the order in which Dovecot answers,
 * and the tag has to agree. Leaving the loop early closes the connection.
 *
 * Throws, at the first step, a `LocalProtocolError` for an invalid command; what {@linkcode HttpApi.open}
 * rejects with; a `ConnectionLostError` if the connection ended; a `RemoteProtocolError` for an invalid
 * answer; and the deadline's error.
 */
export async function* exchange(
  api: HttpApi,
  commands: readonly HttpCommand[],
  deadline: CallDeadline,
): AsyncGenerator<readonly HttpEvent[], void, void> {
  const { endpoint } = api;
  const request: HttpRequest = {
    endpoint,
    commands: commands.map(({ name, method }) => name ?? method),
    body: encodeCommands(commands),
  };
  const body = await api.open(request, deadline);
  const answers = new AnswerMatcher(request);
  const { isStream } = deadline;
  const quote = (text: string) => endpoint.quote(text);
  const reader = new HttpAnswerReader({ limits: api.limits, isStream, quote });
  // Deno gives what it has decompressed without a turn of the event loop. On others a pause would only make them stop
  // reading, and Node's fetch fails where a server ends a body meanwhile.
  const pause = "Deno" in globalThis ? new Pause() : undefined;
  try {
    for (let chunk; (chunk = await body.next()) !== undefined;) {
      await pause?.ifDue();
      reader.receive(chunk);
      const { events, error } = answers.eventsOf(reader);
      if (events.length > 0) {
        deadline.given();
        yield events;
        deadline.asked();
      }
      if (error !== undefined) throw error;
    }
  } finally {
    body.close();
  }
  checkEnd(reader, request);
  answers.checkComplete();
}

function checkEnd(reader: HttpAnswerReader, request: HttpRequest): void {
  try {
    reader.receiveEnd();
  } catch (error) {
    if (!(error instanceof RemoteProtocolError)) throw error;
    // Some runtimes report a broken connection as the end of the answer.
    throw lostError(request, `the response was cut short (${error.message})`);
  }
}

/** Which commands have their answer, and which one comes next. */
class AnswerMatcher {
  readonly #request: HttpRequest;
  readonly #isAnswered: boolean[];
  /** The first command without an answer; their number if all have one. */
  #next = 0;

  constructor(request: HttpRequest) {
    this.#request = request;
    this.#isAnswered = request.commands.map(() => false);
  }

  /** The events of what a reader has received, and the error that follows them, if any. */
  eventsOf(reader: HttpAnswerReader): { events: readonly HttpEvent[]; error?: unknown } {
    const events: HttpEvent[] = [];
    try {
      for (let event; (event = reader.nextEvent()) !== undefined;) {
        events.push(this.#eventOf(event));
      }
      return { events };
    } catch (error) {
      if (!(error instanceof RemoteProtocolError)) throw error;
      return { events, error: this.#error(error.message, error.limit) };
    }
  }

  /** Throws unless every command has its answer. */
  checkComplete(): void {
    const unanswered = this.#unanswered();
    if (unanswered.length === 0) return;
    const names = nameOf(unanswered.map((index) => this.#request.commands[index]));
    throw this.#error(`it has no answer to "${names}"`);
  }

  /** The caller's event for a reader's event. Throws if it doesn't fit the request. */
  #eventOf(event: HttpAnswerEvent): HttpEvent {
    if (event.type === "row") {
      if (this.#next === this.#isAnswered.length) {
        throw mismatch("it answers more commands than were sent");
      }
      return { type: "row", command: this.#next, row: event.row };
    }
    const command = this.#answered(event);
    if (event.kind === "doveadmResponse") {
      return "value" in event
        ? { type: "end", command, value: event.value }
        : { type: "end", command };
    }
    const { commands, endpoint } = this.#request;
    const error = commandError(commands[command], event.value, (text) => endpoint.quote(text));
    if (error === undefined) throw mismatch("it has an error without a type");
    return { type: "failure", command, error };
  }

  /** The index of the command that was answered. */
  #answered({ tag, rows }: HttpAnswerEvent & { type: "answer" }): number {
    const { endpoint } = this.#request;
    const command = indexOfTag(tag, this.#isAnswered.length);
    if (command === undefined) {
      throw mismatch(`it has a tag that was not sent, ${endpoint.quote(tag)}`);
    }
    if (this.#isAnswered[command]) throw mismatch(`it answers the tag "${tag}" twice`);
    if (rows > 0 && command !== this.#next) {
      throw mismatch(
        `it has rows for the tag "${tag}" before the turn of "${tagOf(this.#next)}"`,
      );
    }
    this.#isAnswered[command] = true;
    while (this.#isAnswered[this.#next]) this.#next++;
    return command;
  }

  #unanswered(): number[] {
    return [...this.#isAnswered.keys()].filter((index) => !this.#isAnswered[index]);
  }

  #error(what: string, limit?: string): RemoteProtocolError {
    return answerError(what, this.#request, { limit, unanswered: this.#unanswered() });
  }
}

/**
 * The error for an answer that doesn't fit its request; the message follows the description of the request.
 */
function mismatch(what: string): RemoteProtocolError {
  return new RemoteProtocolError(what);
}
