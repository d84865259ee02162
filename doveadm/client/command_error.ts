/**
 * A command that failed.
 *
 * @module
 */

import { DovewireError } from "../../core/errors.ts";
import { escapeControls } from "../../core/peer_text.ts";
import { type DoveadmFailure, exitCode, type LogLine } from "../../core/doveadm/mod.ts";

/**
 * What went wrong where a code alone doesn't tell.
 *
 * - "quota": the user's quota is full. Servers have no code for it: over HTTP the exit code tells, and
 *   over doveadm's protocol that there is none, or the log.
 * - "exists": a mailbox of that name exists. Only the log tells, which HTTP doesn't have.
 */
export type CommandErrorReason = "quota" | "exists";

/** The server ran the command, or looked at it, and it failed. */
export class CommandError extends DovewireError {
  /** The class's name. */
  override name = "CommandError";
  /** The command's name. */
  readonly command: string;
  /** "USAGE", "NOUSER", "NOTFOUND" …; "" for a command that the server doesn't know. */
  override readonly code: string;
  /**
   * The exit code that doveadm would end with: 64 for "USAGE", 67 for "NOUSER"; -1 for others, unless
   * the server told the number itself, as it does over HTTP, and for a full quota, which is 73.
   */
  readonly exitCode: number;
  /** What stood after the code: for "REFERRAL" the `user@host` to ask instead. */
  readonly detail: string;
  /** The log lines that came with the command; the last ones where they were many. */
  readonly log: readonly LogLine[];
  /** The reply, with the fields that came before the failure. */
  readonly reply: DoveadmFailure;
  /** What went wrong, where more than the code tells; `undefined` where that is all there is. */
  readonly reason: CommandErrorReason | undefined;

  /**
   * Makes one of a failed reply; of the exit code, where the server told it as a number; and of a
   * sentence to stand at the message's end.
   */
  constructor(
    command: string,
    reply: DoveadmFailure,
    log: readonly LogLine[],
    { status, note }: { status?: number; note?: string } = {},
  ) {
    const reason = reasonOf(command, reply, log, status);
    const message = commandMessage(command, reply, log, reason);
    super(note === undefined ? message : `${message} ${note}`, { sent: true });
    this.command = command;
    this.code = reply.code;
    this.exitCode = reason === "quota" ? exitOfQuota : status ?? exitCode(reply.code);
    this.detail = reply.detail;
    this.log = log;
    this.reply = reply;
    this.reason = reason;
  }
}

/** What doveadm ends with where a quota is full: EX_CANTCREAT of sysexits(3). */
const exitOfQuota = 73;

/** The commands whose only failure without a code is a full quota. */
const saving: ReadonlySet<string> = new Set(["save", "copy", "move", "import"]);

function reasonOf(
  command: string,
  { code }: DoveadmFailure,
  log: readonly LogLine[],
  status: number | undefined,
): CommandErrorReason | undefined {
  const says = (words: RegExp) =>
    log.some(({ level, message }) => level === "error" && words.test(message));
  if (status === exitOfQuota) return "quota";
  // The words are a setting of the server's, "Quota exceeded (mailbox for user is full)" by default.
  const isQuota = code === "UNKNOWN" && status === undefined &&
    (saving.has(command) || says(/\bquota\b/i));
  if (isQuota) return "quota";
  return code === "DATAERR" && says(/: (Target m|M)ailbox already exists$/) ? "exists" : undefined;
}

const reasons: Readonly<Record<CommandErrorReason, string>> = {
  quota: "the user's quota is full",
  exists: "there is a mailbox of that name already",
};

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
  reason: CommandErrorReason | undefined,
): string {
  const meaning = reason !== undefined
    ? reasons[reason]
    : Object.hasOwn(meanings, code)
    ? meanings[code]
    : "see the code";
  const worst = log.findLast(({ level }) => level !== "debug" && level !== "info");
  return `"${command}" failed: ${meaning}` +
    (code === "" ? "" : ` (${escapeControls(detail === "" ? code : `${code} ${detail}`)})`) +
    (worst === undefined ? "." : `: ${escapeControls(worst.message)}`);
}
