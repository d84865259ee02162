/**
 * What is asked of a server, and what it answers.
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

/** How long to wait for a command, and when to give up on it. */
export interface SendOptions {
  /**
   * Gives up on the command. The protocol has no way to cancel one, so that a command that was sent
   * is given up by closing its connection; it may run all the same.
   */
  signal?: AbortSignal;
  /**
   * How long the command may take, in milliseconds: from the call to the reply for one reply, between
   * one piece and the next for a stream. The connection's `timeout` if left out; 0 for ever.
   */
  timeout?: number;
}

/** A log line and the command that it came with. */
export interface DoveadmLog extends LogLine {
  /** The name of the command that was running, if one was. */
  readonly command: string | undefined;
}

/** What a server answered, and what it logged meanwhile: the last 100 lines where it was more. */
export type DoveadmAnswer = DoveadmReply & { readonly log: readonly LogLine[] };

/** What a server answered to a command that went well. */
export type DoveadmResult = DoveadmAnswer & { readonly ok: true };
