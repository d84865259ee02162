/**
 * Runs one command of a batch and writes its answer.
 *
 * @module
 */

import type { LogLevel } from "../../../core/doveadm/mod.ts";
import {
  decodeUtf8,
  DovewireError,
  encodeUtf8,
  LocalProtocolError,
  messageOf,
} from "../../../core/mod.ts";
import { Pause } from "../../../transports/pause.ts";
import { onAbort, startTimer } from "../../../transports/timers.ts";
import { failureOf, forEachField, notAReply, piecesOf } from "../answer.ts";
import { CommandFailure } from "../command_failure.ts";
import type { DoveadmHandler, DoveadmPeer, ReplyField, ServerRequest } from "../handler.ts";
import { PolicyRefusal } from "../policy.ts";
import { AnswerForm, type AnswerFormOptions, type Failure } from "./answer_form.ts";
import type { AnswerOutput } from "./answer_output.ts";
import { type BatchCommand, type BatchItem, listingArguments } from "./batch.ts";
import { LogLines } from "./log_lines.ts";
import { RowWriter } from "./row_writer.ts";

/** What the commands of a request have in common. */
export interface RunContext extends AnswerFormOptions {
  readonly handler: DoveadmHandler;
  readonly client: DoveadmPeer;
  readonly output: AnswerOutput;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** How long a command may take, in milliseconds. */
  readonly timeout: number;
  /** How many bytes of log lines a command may have in its answer. */
  readonly logLimit: number;
  /** Called with each error of the handler that isn't a failure of the command. */
  readonly onError: (error: unknown) => void;
}

/** Runs a command and writes its answer. Rejects if the answer has to be broken off. */
export async function answerItem({ tag, command }: BatchItem, context: RunContext): Promise<void> {
  const log = new LogLines(context.logLimit);
  const form = new AnswerForm(tag, log, context);
  if ("refusal" in command) return await context.output.write(form.refusal(command.refusal));
  if ("failure" in command) {
    const failure = failureFrom(command.failure);
    log.addFailure(failure);
    return await context.output.write(form.error(failure));
  }
  const run = new CommandRun(command, log, context);
  const failure = await run.finish();
  await writeAnswer(run, failure, form, context);
}

/** Writes the end of a command's answer, or another answer instead. */
async function writeAnswer(
  { name, rows }: CommandRun,
  failure: Failure | undefined,
  form: AnswerForm,
  { output, preferences }: RunContext,
): Promise<void> {
  const isKept = failure === undefined || preferences.rows && rows.count > 0 && !rows.isCut;
  if (isKept) {
    await (failure === undefined ? rows.end() : rows.cut());
    await output.write(form.success(failure));
    return await output.release();
  }
  if (!output.isHeld) throw brokenOff(name, failure);
  output.takeBack();
  await output.write(form.error(failure));
}

/** The error for a command that failed after too many of its rows were sent. */
function brokenOff(name: string, { code, log }: Failure): DovewireError {
  return new DovewireError(
    `The answer to "${name}" was broken off, since the command failed after more of its rows were sent than ` +
      `"limits.held" allows to take back: ${log ?? code}`,
  );
}

function failureFrom(error: CommandFailure): Failure {
  const { code, detail, log } = error;
  return { code, detail, log, isRefusal: error instanceof PolicyRefusal && code === "NOPERM" };
}

/** A running command. */
class CommandRun {
  readonly name: string;
  readonly rows: RowWriter;
  readonly #command: BatchCommand;
  readonly #context: RunContext;
  readonly #log: LogLines;
  readonly #controller = new AbortController();

  constructor(command: BatchCommand, log: LogLines, context: RunContext) {
    const { columns, offered: { info } } = command;
    const fault = columns instanceof CommandFailure ? { fault: columns } : {};
    this.name = info.name;
    this.#command = command;
    this.#context = context;
    this.#log = log;
    this.rows = new RowWriter(context.output, {
      command: info.name,
      columns: columns instanceof CommandFailure ? [] : columns,
      ...fault,
      hasUsers: command.users.type !== "one",
      base64: context.preferences.base64,
      signal: this.#controller.signal,
    });
  }

  /** Runs it to its end; returns its failure, whose reason is in the log then. Never rejects. */
  async finish(): Promise<Failure | undefined> {
    const { signal, timeout, output, onError } = this.#context;
    output.hold();
    void output.write('["doveadmResponse",');
    const aborted = new Promise<void>((resolve) => onAbort(this.#controller.signal, resolve));
    const forget = onAbort(signal, () => this.#controller.abort(signal.reason));
    const timer = startTimer(timeout, () => {
      const error = tooLate(this.name, timeout);
      this.#controller.abort(error);
      onError(error);
    });
    const work = this.#run().then(() => undefined, (error) => this.#failureOf(error));
    try {
      // A handler that ignores its signal isn't waited for.
      const failure = await Promise.race([work, aborted.then(() => this.#failureOf(undefined))]);
      if (failure !== undefined) this.#log.addFailure(failure);
      return failure;
    } finally {
      timer.stop();
      forget();
      // What still runs may write nothing more.
      this.#controller.abort(new DovewireError(`"${this.name}" is answered.`));
    }
  }

  #failureOf(error: unknown): Failure {
    const { signal } = this.#controller;
    if (signal.aborted) {
      return { code: "TEMPFAIL", detail: "", log: messageOf(signal.reason), isRefusal: false };
    }
    const { onError } = this.#context;
    const { code, detail, log } = failureOf(error, { name: this.name }, { onError });
    return { code, detail, log, isRefusal: isRefusal(error) };
  }

  async #run(): Promise<void> {
    const { users } = this.#command;
    if (users.type === "one") return await this.#runFor(users.user);
    const names = users.type === "mask" ? await this.#list(users.mask) : users.names;
    let failure: unknown;
    const pause = new Pause();
    for (const name of names) {
      await pause.ifDue();
      this.#controller.signal.throwIfAborted();
      this.rows.setUser(name);
      try {
        await this.#runFor(name);
      } catch (error) {
        const isOver = this.#controller.signal.aborted || isRefusal(error) || this.rows.isCut;
        if (isOver) throw error;
        // As in Dovecot, others are still asked, and one that is gone meanwhile is left out.
        const isGone = users.type === "mask" && codeOf(error) === "NOUSER";
        if (!isGone) failure ??= error;
        else if (error instanceof CommandFailure && error.log) this.#log.add("info", error.log);
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** Runs it for one user, or for none. */
  async #runFor(user: string | undefined): Promise<void> {
    const { args, input } = this.#command;
    const reply = await this.#context.handler(this.#request(this.name, { args, user, input }));
    await forEachField(reply, (field) => this.rows.write(field));
    await this.rows.endReply();
  }

  #request(
    name: string,
    { args, user, input }: Pick<ServerRequest, "args" | "user"> & { readonly input?: string },
  ): ServerRequest {
    return {
      ...{ name, args, user },
      verbosity: undefined,
      extraFields: {},
      hasInput: input !== undefined,
      input: inputOf(input),
      signal: this.#controller.signal,
      client: this.#context.client,
      log: (level: LogLevel, message: string) => this.#log.add(level, message),
    };
  }

  /** The names of the users that match a mask, by the command that every handler for many users needs. */
  async #list(mask: string): Promise<readonly string[]> {
    const request = this.#request("user", { args: listingArguments(mask), user: undefined });
    const texts: string[] = [];
    await forEachField(await this.#context.handler(request), async (field) => {
      texts.push(await textOf(field));
    });
    return userList(texts.join(""));
  }
}

function tooLate(name: string, timeout: number): DovewireError {
  return new DovewireError(`"${name}" took longer than ${timeout} ms.`);
}

function isRefusal(error: unknown): boolean {
  return error instanceof PolicyRefusal && error.code === "NOPERM";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof DovewireError ? error.code : undefined;
}

/** The largest piece of an input that a handler gets, in characters. */
const inputPiece = 65_536;

/** The bytes of an input, piece by piece; none without an input. */
function inputOf(input: string | undefined): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      const text = input ?? "";
      for (let at = 0; at < text.length;) {
        let end = at + inputPiece;
        // A cut doesn't separate a surrogate pair.
        if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end++;
        yield encodeUtf8(text.slice(at, end));
        at = end;
      }
    },
  };
}

async function textOf(field: ReplyField): Promise<string> {
  if (typeof field === "string") return field;
  if (field instanceof Uint8Array) return decodeUtf8(field);
  if (typeof field !== "object" || field === null) throw notAReply(field);
  if ("text" in field && typeof field.text === "string") return field.text;
  if (!(Symbol.asyncIterator in field)) throw notAReply(field);
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of piecesOf(field)) {
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

/** The names in the reply to "user". Throws a `LocalProtocolError` for another reply. */
function userList(text: string): readonly string[] {
  let names: unknown;
  try {
    names = JSON.parse(text)?.userList;
  } catch {
    // Not JSON.
  }
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  throw new LocalProtocolError(
    'The handler\'s reply to "user" has no list of users, which a command for many users needs. ' +
      'Return { text: JSON.stringify({ userList: ["alice", "bob"] }) }.',
  );
}
