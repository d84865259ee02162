/**
 * Which mistakes make a server close the connection.
 *
 * Source: tests of servers of 2.3 and 2.4.
 *
 * @module
 */

import type { LogLine } from "../../core/doveadm/mod.ts";
import { escapeControls } from "../../core/peer_text.ts";

/** By command, the mistakes that make a server close the connection instead of answering. */
const deadlyMistakes: Readonly<Record<string, string>> = {
  fetch: "an unknown field or a bad search query",
  search: "a bad search query",
  "mailbox status": 'an unknown field (2.4.1 lacks "deleted"), or a missing mailbox mask',
  expunge: "a search query that names no mailbox and would expunge everything",
  copy: "a source user that doesn't exist, a full quota, or a bad search query",
  move: "a source user that doesn't exist, a full quota, or a search query that names no mailbox",
  import: "a source user or a source location that doesn't exist, or a bad search query",
  save: "a GUID that the mail storage can't have",
  "auth cache flush": "no user, with which Dovecot 2.3 and 2.4 crash",
  "indexer add": "a limit for recent messages, with which Dovecot 2.4.1 crashes",
  user: 'an option "-u", with which Dovecot crashes',
};

/**
 * Why a server may have closed the connection instead of answering a command, as sentences: the last line
 * that it logged for the command, or else the likely mistakes.
 */
export function whyItMayHaveDied(name: string, log: readonly LogLine[] = []): string {
  const last = log.findLast(({ level, message }) =>
    level !== "debug" && level !== "info" && !message.includes("Raw backtrace:")
  );
  if (last !== undefined) {
    return `The server's last log line for it: ${escapeControls(last.message)}`;
  }
  const mistake = Object.hasOwn(deadlyMistakes, name)
    ? deadlyMistakes[name]
    : "a missing argument, or a name that isn't UTF-8";
  return "Dovecot closes the connection without an error if a command aborts early. For " +
    `"${name}" the cause may be ${mistake}. Check Dovecot's log.`;
}
