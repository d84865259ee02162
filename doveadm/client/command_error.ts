/**
 * A command that failed.
 *
 * @module
 */

import { DovewireError } from "../../core/errors.ts";
import { escapeControls } from "../../core/peer_text.ts";
import { type DoveadmFailure, exitCode, type LogLine } from "../../core/doveadm/mod.ts";

/**
 * The reason for a failure that the code alone doesn't identify.
 *
 * - "quota": the user's quota is full. Servers have no code for it: it is recognised by the exit code over
 *   HTTP, and by the missing code or the log over doveadm's protocol.
 * - "exists": a mailbox of that name exists. It is recognised by the log, which HTTP lacks.
 */
export type CommandErrorReason = "quota" | "exists";

/** The server that has a user, as another server names it: a host without a port. */
export interface Referral {
  /** The user's name there. */
  readonly user: string;
  /** The host, as a name or an IP address. */
  readonly host: string;
}

/** The server ran the command, or checked it, and it failed. */
export class CommandError extends DovewireError {
  /** The class's name. */
  override name = "CommandError";
  /** The command's name. */
  readonly command: string;
  /** "USAGE", "NOUSER", "NOTFOUND" …; "" for a command that the server doesn't know. */
  override readonly code: string;
  /**
   * The exit code of doveadm: 64 for "USAGE", 67 for "NOUSER"; -1 for others, unless the server sent the
   * number itself, as it does over HTTP; 73 for a full quota.
   */
  readonly exitCode: number;
  /** The text after the code: for "REFERRAL" the `user@host` to ask instead. */
  readonly detail: string;
  /** The log lines that came with the command; the last 100 if there were more. */
  readonly log: readonly LogLine[];
  /** The reply, with the fields that came before the failure. */
  readonly reply: DoveadmFailure;
  /** The reason, if it is more precise than the code; otherwise `undefined`. */
  readonly reason: CommandErrorReason | undefined;
  /** Which server has the user, if the code is "REFERRAL"; otherwise `undefined`. */
  readonly referral: Referral | undefined;

  /**
   * Creates an error from a failed reply, the exit code if the server sent it as a number, and a sentence
   * to append to the message.
   */
  constructor(
    command: string,
    reply: DoveadmFailure,
    log: readonly LogLine[],
    { status, note }: { status?: number; note?: string } = {},
  ) {
    const reason = reasonOf(command, reply, log, status);
    const message = commandMessage(command, reply, log, reason);
    // A log line may end without a full stop.
    const end = /[.!?]$/.test(message) ? "" : ".";
    super(note === undefined ? message : `${message}${end} ${note}`, { sent: true });
    this.command = command;
    this.code = reply.code;
    this.exitCode = reason === "quota" ? exitOfQuota : status ?? exitCode(reply.code);
    this.detail = reply.detail;
    this.log = log;
    this.reply = reply;
    this.reason = reason;
    this.referral = reply.code === "REFERRAL" ? referralOf(reply.detail) : undefined;
  }
}

/** Reads `user@host`; a user's name may have an "@", too. */
function referralOf(detail: string): Referral | undefined {
  const at = detail.lastIndexOf("@");
  const [user, host] = [detail.slice(0, at), detail.slice(at + 1)];
  return at < 1 || host === "" ? undefined : { user, host };
}

/** The exit code of doveadm for a full quota: EX_CANTCREAT of sysexits(3). */
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
  // The text is a server setting, "Quota exceeded (mailbox for user is full)" by default.
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
