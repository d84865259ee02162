/**
 * Runs a handler and writes its answer to a command.
 *
 * @module
 */

import { type DoveadmServerProtocol, exitCodes } from "../../core/doveadm/mod.ts";
import { DovewireError, LocalProtocolError, messageOf, quoteText } from "../../core/mod.ts";
import { Pause } from "../../transports/pause.ts";
import { CommandFailure } from "./command_failure.ts";
import type { DoveadmHandler, ReplyField, ServerRequest } from "./handler.ts";

/** High-water mark of a reply's unwritten bytes, above which the handler waits. */
const highWaterMark = 65_536;

/** How many characters of a command's name a message quotes. */
const nameLength = 60;

/** The destination of a command's answer. */
export interface AnswerTarget {
  /** The connection's protocol. */
  readonly protocol: DoveadmServerProtocol;
  /** Writes the protocol's output; resolves when it is written. */
  readonly flush: () => Promise<void>;
  /** Called with an error of the handler that isn't a failure of the command. */
  readonly onError: (error: unknown) => void;
}

/**
 * Runs the handler for a request and writes its fields, no faster than the client reads them; an error of
 * the handler becomes a failure code and a log line. Never rejects. Returns a function that ends the reply,
 * after which the protocol may emit the next command.
 */
export async function answer(
  id: number,
  request: ServerRequest,
  handler: DoveadmHandler,
  target: AnswerTarget,
): Promise<() => void> {
  const { protocol } = target;
  let end = () => protocol.succeed(id);
  try {
    await writeFields(id, request, handler, target);
  } catch (error) {
    const { code, detail, log } = request.signal.aborted
      // The handler's error is a consequence of the abort.
      ? { code: "TEMPFAIL", detail: "", log: String(request.signal.reason) }
      : failureOf(error, request, target);
    if (log !== undefined) protocol.log("error", log);
    end = () => protocol.fail(id, code, detail);
  }
  // Otherwise a client that sends many commands and reads nothing would fill the memory with replies.
  if (protocol.pendingOutput > highWaterMark) await target.flush();
  return end;
}

async function writeFields(
  id: number,
  request: ServerRequest,
  handler: DoveadmHandler,
  target: AnswerTarget,
): Promise<void> {
  const writer = new FieldWriter(id, request.signal, target);
  await forEachField(await handler(request), (field) => writer.write(field));
}

/**
 * Calls back with each field of a handler's reply, no faster than it takes them. A client that reads fast takes all at
 * once: without pauses nobody else would be attended to.
 */
export async function forEachField(
  reply: Awaited<ReturnType<DoveadmHandler>>,
  write: (field: ReplyField) => void | Promise<void>,
): Promise<void> {
  if (reply === undefined) return;
  if (typeof reply === "string") return await write(reply);
  if (typeof reply !== "object" || reply === null) throw notAReply(reply);
  const pause = new Pause();
  if (Symbol.asyncIterator in reply) {
    for await (const field of reply) {
      await write(field);
      await pause.ifDue();
    }
  } else if (Symbol.iterator in reply) {
    for (const field of reply) {
      // Thousands of short fields are written in one turn of the event loop.
      const written = write(field);
      if (written !== undefined) await written;
      const paused = pause.ifDue();
      if (paused !== undefined) await paused;
    }
  } else throw notAReply(reply);
}

/** The pieces of a field, with pauses between them. Throws a `LocalProtocolError` for one that isn't bytes. */
export async function* piecesOf(
  field: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const pause = new Pause();
  for await (const piece of field) {
    if (!(piece instanceof Uint8Array)) {
      throw new LocalProtocolError(
        "A handler returned a field whose pieces aren't bytes. Use an async iterable of Uint8Arrays.",
      );
    }
    yield piece;
    await pause.ifDue();
  }
}

/** Writes the fields of a reply. */
class FieldWriter {
  #id: number;
  #signal: AbortSignal;
  #target: AnswerTarget;
  #hasText = false;

  constructor(id: number, signal: AbortSignal, target: AnswerTarget) {
    this.#id = id;
    this.#signal = signal;
    this.#target = target;
  }

  /** Writes a field; where much waits to be written, resolves when that is. */
  write(field: ReplyField): void | Promise<void> {
    this.#signal.throwIfAborted();
    const { protocol } = this.#target;
    if (this.#hasText) {
      throw new LocalProtocolError(
        "A handler returned a field after a { text }, which has to be the whole reply. Leave one out.",
      );
    }
    if (typeof field === "string" || field instanceof Uint8Array) {
      protocol.writeField(this.#id, field);
    } else if (typeof field === "object" && field !== null && Symbol.asyncIterator in field) {
      // Checked first: a field that the client streams also has a "text".
      return this.#writePieces(field);
    } else if (typeof field === "object" && field !== null && "text" in field) {
      this.#writeText(field.text);
    } else throw notAReply(field);
    return this.#room();
  }

  #writeText(text: string): void {
    // deno-lint-ignore no-control-regex -- these are the characters that the protocol escapes
    if (typeof text !== "string" || /[\0\x01\t\r\n]/.test(text)) {
      throw new LocalProtocolError(
        "A { text } contains a NUL, \\x01, TAB or line end, which clients would read as escapes. " +
          "JSON.stringify() returns a text without.",
      );
    }
    this.#target.protocol.writeField(this.#id, text, { final: false });
    this.#hasText = true;
  }

  async #writePieces(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const piece of piecesOf(pieces)) {
      this.#signal.throwIfAborted();
      this.#target.protocol.writeField(this.#id, piece, { final: false });
      await this.#room();
    }
    this.#target.protocol.writeField(this.#id, "");
  }

  #room(): void | Promise<void> {
    const written = this.#target.flush();
    if (this.#target.protocol.pendingOutput > highWaterMark) return written;
  }
}

/** The failure that the client gets for an error of the handler. */
export function failureOf(
  error: unknown,
  { name }: Pick<ServerRequest, "name">,
  { onError }: Pick<AnswerTarget, "onError">,
): { code: string; detail: string; log: string | undefined } {
  if (error instanceof CommandFailure) return error;
  // A CommandError of the client, if the handler asks another server.
  if (error instanceof DovewireError && "code" in error && typeof error.code === "string") {
    const { code, message } = error;
    const detail = "detail" in error && typeof error.detail === "string" ? error.detail : "";
    const isCode = code === "" || Object.hasOwn(exitCodes, code);
    if (isCode && !/[\r\n]/.test(detail)) return { code, detail, log: message };
  }
  onError(error);
  const log = `${quoteText(name, nameLength)} failed: ${messageOf(error)}`;
  return { code: "TEMPFAIL", detail: "", log };
}

/** The error for a value that is neither a reply nor a field of one. */
export function notAReply(what: unknown): LocalProtocolError {
  const type = typeof what;
  const shown = what == null ? String(what) : `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
  return new LocalProtocolError(
    `A handler returned ${shown} as a reply or a field of one. Return an iterable of fields, which are strings, ` +
      "bytes, async iterables of bytes, or { text }.",
  );
}
