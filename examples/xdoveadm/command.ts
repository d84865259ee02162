/**
 * XDOVEADM: an IMAP command that asks Dovecot's doveadm about the user who is logged in. Only what is listed here
 * can be asked; nothing is changed.
 *
 * ```text
 * C: a XDOVEADM QUOTA
 * S: * XDOVEADM QUOTA ("root" "User quota" "type" "STORAGE" "value" "12" "limit" "1048576" "percent" "0")
 * S: a OK XDOVEADM completed.
 * ```
 *
 * @module
 */

import {
  bad,
  type CommandOutput,
  defineCommand,
  type ImapCommand,
  imapString,
  no,
  ok,
  untagged,
} from "../../imap/mod.ts";
import type { DoveadmClient } from "../../mod.ts";

/** Options for {@linkcode xdoveadm}. */
export interface XdoveadmOptions {
  /** How long doveadm may take, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit. */
  readonly timeout?: number;
}

/** Options for one call. */
interface CallOptions {
  readonly signal: AbortSignal;
  readonly timeout: number;
}

/** What can be asked. Each answer has few rows, whatever the user has. */
type Call = (
  doveadm: DoveadmClient,
  user: string,
  options: CallOptions,
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

const quota: Call = (doveadm, user, options) => doveadm.run("quota get", { user }, options);

const usage: Call = (doveadm, user, options) =>
  doveadm.run("mailbox status", {
    user,
    totalSum: true,
    field: ["messages", "vsize"],
    mailboxMask: ["*"],
  }, options);

const calls: ReadonlyMap<string, Call> = new Map([["QUOTA", quota], ["USAGE", usage]]);

/** `TAG XDOVEADM CALL`: asks doveadm. */
export function xdoveadm(
  doveadm: DoveadmClient,
  { timeout = 10_000 }: XdoveadmOptions = {},
): ImapCommand {
  return defineCommand({
    name: "XDOVEADM",
    args: ["astring"],
    capability: "XDOVEADM",
  }, async function* ([name], { user }, { signal }) {
    const call = calls.get(name.toUpperCase());
    if (call === undefined) return bad(`there are ${[...calls.keys()].join(" and ")}`);
    // doveadm takes such a name for a mask of many users.
    if (/[*?]/.test(user!)) return no("Your name can't be asked for.", "CANNOT");
    const rows = await call(doveadm, user!, { signal, timeout });
    for (const row of rows) yield rowOf(name.toUpperCase(), row);
    return ok("XDOVEADM completed.");
  });
}

/** A row, as a list of names and values. */
function rowOf(call: string, row: Readonly<Record<string, unknown>>): CommandOutput {
  const values = Object.entries(row).flatMap(([name, value]) => [
    " ",
    imapString(name),
    " ",
    value === undefined || value === null ? "NIL" : imapString(String(value)),
  ]);
  return untagged(`XDOVEADM ${call} (`, ...values.slice(1), ")");
}
