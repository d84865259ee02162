/**
 * A command that failed.
 *
 * @module
 */

import { DovewireError } from "../../core/errors.ts";
import { type DoveadmFailure, exitCode, type LogLine } from "../../core/doveadm/mod.ts";

/** The server ran the command, or looked at it, and it failed. */
export class CommandError extends DovewireError {
  /** The class's name. */
  override name = "CommandError";
  /** The command's name. */
  readonly command: string;
  /** "USAGE", "NOUSER", "NOTFOUND" …; "" for a command that the server doesn't know. */
  readonly code: string;
  /**
   * The exit code that doveadm would end with: 64 for "USAGE", 67 for "NOUSER"; -1 for others, unless
   * the server told the number itself, as it does over HTTP.
   */
  readonly exitCode: number;
  /** What stood behind the code: for "REFERRAL" the `user@host` to ask instead. */
  readonly detail: string;
  /** The log lines that came with the command; the last ones where they were many. */
  readonly log: readonly LogLine[];
  /** The reply, with the fields that came ahead of the failure. */
  readonly reply: DoveadmFailure;

  /**
   * Makes one of a failed reply; of the exit code, where the server told it as a number; and of a
   * sentence to stand at the message's end.
   */
  constructor(
    command: string,
    reply: DoveadmFailure,
    log: readonly LogLine[],
    { status = exitCode(reply.code), note }: { status?: number; note?: string } = {},
  ) {
    const message = commandMessage(command, reply, log);
    super(note === undefined ? message : `${message} ${note}`, { sent: true });
    this.command = command;
    this.code = reply.code;
    this.exitCode = status;
    this.detail = reply.detail;
    this.log = log;
    this.reply = reply;
  }
}

const meanings: Readonly<Record<string, string>> = {
  "": "the server doesn't know the command",
  USAGE: "its options or arguments are wrong",
  NOUSER: "there is no such user",
  NOTFOUND: "what it asks for isn't there",
  DATAERR: "what it was given can't be used",
  TEMPFAIL: "the server can't do it now",
  NOPERM: "that is not permitted",
  REFERRAL: "another server has the user",
  EXPIRED: "it took too long",
  CHANGED: "something changed meanwhile",
};

function commandMessage(
  command: string,
  { code, detail }: DoveadmFailure,
  log: readonly LogLine[],
): string {
  const meaning = Object.hasOwn(meanings, code) ? meanings[code] : "see the code";
  const worst = log.findLast(({ level }) => level !== "debug" && level !== "info");
  return `"${command}" failed: ${meaning}` +
    (code === "" ? "" : ` (${detail === "" ? code : `${code} ${detail}`})`) +
    (worst === undefined ? "." : `: ${worst.message}`);
}
