/**
 * The flags and keywords of mails, as Dovecot reads and shows them.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/errors.ts";
import { shownValue } from "../../core/option_checks.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Mail, Mailbox } from "../mailbox.ts";

/** The flags that a mail can be given (RFC 3501, 2.3.2), in the order in which they are shown. */
const systemFlags = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"] as const;

/** The longest keyword, in characters. */
const longestKeyword = 50;

/** Flags and keywords as they were given. */
export interface GivenFlags {
  /** IMAP's flags, in IMAP's spelling; without `\Recent`, which clients can't set. */
  readonly flags: readonly string[];
  /** The keywords. */
  readonly keywords: readonly string[];
}

/**
 * Reads flags and keywords with spaces between them. Throws a `CommandFailure`, "USAGE", for a
 * word that begins with a backslash and isn't one of IMAP's flags.
 */
export function parseFlags(text: string): GivenFlags {
  const flags = new Set<string>();
  const keywords: string[] = [];
  for (const word of text === "" ? [] : text.split(" ")) {
    if (!word.startsWith("\\")) keywords.push(word);
    else if (word.toLowerCase() !== "\\recent") flags.add(systemFlag(word));
  }
  return { flags: [...flags], keywords };
}

/** Throws a `CommandFailure`, "DATAERR", if one of the keywords is invalid. */
export function checkKeywords(keywords: readonly string[]): void {
  for (const keyword of keywords) {
    const fault = keywordFault(keyword);
    if (fault === undefined) continue;
    throw new CommandFailure("DATAERR", {
      log: `The keyword ${JSON.stringify(keyword)} ${fault}.`,
    });
  }
}

/**
 * The flags and keywords of a new mail, IMAP's in its spelling and without `\Recent`. Throws a `LocalProtocolError`
 * for those that a mail can't have, and for what isn't a list of them.
 */
export function flagSet(given: Iterable<string> | undefined): Set<string> {
  if (given === undefined) return new Set();
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    throw new LocalProtocolError(
      `The flags of a mail are ${shownValue(given)}. Use an array, like ["\\\\Seen", "Work"].`,
    );
  }
  const flags = new Set<string>();
  for (const flag of given) {
    if (typeof flag !== "string") throw wrongFlag(flag, "is no string");
    if (flag.toLowerCase() === "\\recent") continue;
    const known = systemFlags.find((known) => known.toLowerCase() === flag.toLowerCase());
    const fault = known !== undefined
      ? undefined
      : flag.startsWith("\\")
      ? `isn't one of ${systemFlags.join(" ")}`
      : keywordFault(flag);
    if (fault !== undefined) throw wrongFlag(flag, fault);
    flags.add(known ?? flag);
  }
  return flags;
}

function wrongFlag(flag: unknown, fault: string): LocalProtocolError {
  return new LocalProtocolError(`A mail can't have the flag ${shownValue(flag)}: it ${fault}.`);
}

function keywordFault(keyword: string): string | undefined {
  if (keyword === "") return "is empty. Remove a space";
  if (/[^\0-\x7f]/.test(keyword)) return "isn't ASCII";
  if (/[\0- (){%*"\\\]\x7f]/.test(keyword)) return "has a character that isn't allowed in keywords";
  if (keyword.length > longestKeyword) return `has more than ${longestKeyword} characters`;
  return undefined;
}

function systemFlag(word: string): string {
  const found = systemFlags.find((flag) => flag.toLowerCase() === word.toLowerCase());
  if (found !== undefined) return found;
  throw new CommandFailure("USAGE", {
    log: `There is no flag ${word}. Give one of ${systemFlags.join(" ")}, or a keyword ` +
      "without a backslash.",
  });
}

/**
 * The keywords of a mailbox, in the order and the spelling of their first use. They are
 * case-insensitive.
 */
export class MailboxKeywords {
  readonly #spellings = new Map<string, string>();

  /** The keywords of a mailbox; those that mails brought from other mailboxes come last. */
  static of(mailbox: Mailbox): MailboxKeywords {
    let keywords = mailboxKeywords.get(mailbox);
    if (keywords === undefined) {
      mailboxKeywords.set(mailbox, keywords = new MailboxKeywords());
    }
    for (const mail of mailbox.mails) keywords.learn(mail.flags);
    return keywords;
  }

  /** Adds new keywords; ignores flags among them. */
  learn(keywords: Iterable<string>): void {
    for (const keyword of keywords) {
      const key = keyword.toLowerCase();
      if (keyword.startsWith("\\") || this.#spellings.has(key)) continue;
      this.#spellings.set(key, keyword);
    }
  }

  /** Flags and keywords in the order and the spelling in which they are shown, each once. */
  normalize(flags: Iterable<string>): readonly string[] {
    const keys = new Set([...flags].map((flag) => flag.toLowerCase()));
    const inOrder = [...systemFlags, ...this.#spellings.values()];
    return inOrder.filter((flag) => keys.has(flag.toLowerCase()));
  }

  /** The flags of a mail, as Dovecot shows them: IMAP's own, then `\Recent`, then the keywords. */
  text(mail: Mail, isRecent: boolean): string {
    const flags = this.normalize(mail.flags);
    const recent = isRecent ? ["\\Recent"] : [];
    const isKeyword = (flag: string) => !flag.startsWith("\\");
    return [...flags.filter((flag) => !isKeyword(flag)), ...recent, ...flags.filter(isKeyword)]
      .join(" ");
  }
}

const mailboxKeywords = new WeakMap<Mailbox, MailboxKeywords>();
