/**
 * Requests to a server and its answers.
 *
 * @module
 */

import type { DoveadmCommand, DoveadmReply, LogLine } from "../../core/doveadm/mod.ts";
import type { Input } from "./input.ts";

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

/** A log line and the command that it came with. */
export interface DoveadmLog extends LogLine {
  /** The name of the command that was running, if one was. */
  readonly command: string | undefined;
}

/** A server's answer and its log: the last 100 lines if there were more. */
export type DoveadmAnswer = DoveadmReply & { readonly log: readonly LogLine[] };

/** A server's answer to a command that succeeded. */
export type DoveadmResult = DoveadmAnswer & { readonly ok: true };
