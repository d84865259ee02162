/**
 * Requests to a server and its answers.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/errors.ts";
import { checkOptions, isRecord, shownValue } from "../../core/option_checks.ts";
import { checkArgs, checkExtraFields, nameForMessages } from "../../core/doveadm/command.ts";
import type { DoveadmCommand, DoveadmReply, LogLine } from "../../core/doveadm/mod.ts";
import { checkInput, type Input } from "./input.ts";

/** A command, with its input if it takes any. */
export interface DoveadmRequest extends Omit<DoveadmCommand, "input" | "streamed"> {
  /** The command's input, for "save", "sieve put" and the like. */
  input?: Input;
}

/** The time limit and signal of a command. */
export interface SendOptions {
  /**
   * Aborts the command. The protocol has no way to cancel one: if it was sent, its connection is closed,
   * and it may still run.
   */
  signal?: AbortSignal;
  /**
   * How long the command may take, in milliseconds: from the call to the reply; for a stream, between one
   * chunk and the next. The connection's `timeout` if left out; 0 or `Infinity` for no limit.
   */
  timeout?: number;
  /**
   * Whether the command may run twice, so that a `Doveadm` sends it again if its connection ends before the
   * answer; false if left out. What was never sent is sent again in any case.
   */
  idempotent?: boolean;
}

/** Options for `Doveadm.stream`. */
export interface FieldStreamOptions extends SendOptions {
  /**
   * Whether the chunks of a field share memory: each is valid only until the next chunk or field is requested,
   * and then overwritten, so that a chunk to be kept must be copied. In Deno, and in Node without TLS, this makes
   * large answers several times as fast; where a transport can't reuse memory it changes nothing. `bytes()` and
   * `text()` copy. False if left out: each chunk is the caller's.
   */
  reuseBuffer?: boolean;
}

/** The types of a command's options that are no numbers. */
const sendOptionTypes = { booleans: ["idempotent", "reuseBuffer"] };

/** Throws a `LocalProtocolError` for options that aren't those of a command. */
export function checkSendOptions(options: FieldStreamOptions): void {
  checkOptions(options, sendOptionTypes);
}

/** Throws a `LocalProtocolError` for what isn't a request; its texts are checked when it is encoded. */
export function checkRequest(request: DoveadmRequest): void {
  if (typeof request !== "object" || request === null) {
    throw new LocalProtocolError(
      `The request is ${shownValue(request)}. Pass an object with the command's "name".`,
    );
  }
  if (typeof request.name !== "string") {
    throw new LocalProtocolError(
      `The request's "name" is ${
        shownValue(request.name)
      }. Set it to a command, like "mailbox list".`,
    );
  }
  if (request.args !== undefined) checkArgs(request.args, request.name);
  if (request.extraFields !== undefined) checkExtraFields(request.extraFields, request.name);
  if (request.input !== undefined) checkInput(request.name, request.input);
}

/** Throws a `LocalProtocolError` for what has no parameters by their names, of which nothing would be sent. */
export function checkNamedValues(command: string, parameters: object): void {
  if (isRecord(parameters)) return;
  throw new LocalProtocolError(
    `The parameters of ${
      nameForMessages(command)
    } are no object of names and values. Pass one like ` +
      '{ user: "alice" }, or leave it out.',
  );
}

/** A log line and the command that it came with. */
export interface DoveadmLog extends LogLine {
  /** The name of the command that was running, if one was. */
  readonly command: string | undefined;
}

/** A server's answer and its log: the last 100 lines if there were more. */
export type DoveadmAnswer = DoveadmReply & { readonly log: readonly LogLine[] };

/** A server's answer to a command that succeeded. */
export type DoveadmResult = DoveadmAnswer & { readonly ok: true };
