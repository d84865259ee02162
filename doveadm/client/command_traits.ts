/**
 * What a client must know of commands so that its callers needn't: which of them get along with
 * others on one connection, and what they die of.
 *
 * Source: Dovecot's src/doveadm/doveadm-print-server.c, src/doveadm/doveadm-mail.c, and what servers
 * of 2.3 and 2.4 were seen to do.
 *
 * @module
 */

import type { LogLine } from "../../core/doveadm/mod.ts";
import { escapeControls } from "../../core/peer_text.ts";
import { findCommand } from "../../core/doveadm/catalogue/mod.ts";

/**
 * Whether a command may share its connection with others of the kind, as those that act on a user's
 * mail may.
 *
 * Others may not. From the second command of a connection on, a server sends the rows of commands
 * that don't act on mail *behind* their reply; and a mail command leaves the server's process with
 * the mail user's rights (2.3), so that a later `who` dies and a later `user *` finds nobody.
 */
export function sharesConnection(name: string): boolean {
  return findCommand(name)?.alone === false;
}

/** What makes a server end the connection instead of answering, command by command. */
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
 * Why a server may have ended the connection instead of answering a command, as sentences: what it
 * logged for the command, where it did, and else what is likely.
 */
export function whyItMayHaveDied(name: string, log: readonly LogLine[] = []): string {
  const last = log.findLast(({ level, message }) =>
    level !== "debug" && level !== "info" && !message.includes("Raw backtrace:")
  );
  if (last !== undefined) {
    return `The last that the server logged for it is: ${escapeControls(last.message)}`;
  }
  const mistake = Object.hasOwn(deadlyMistakes, name)
    ? deadlyMistakes[name]
    : "a missing argument, or a name that isn't UTF-8";
  return "Dovecot ends the connection without a word where a command gives up early: for " +
    `"${name}" that may be ${mistake}. Its own log says more.`;
}
