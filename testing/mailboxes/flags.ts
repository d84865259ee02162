/**
 * The flags and keywords of mails, as Dovecot takes and shows them.
 *
 * @module
 */

import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Mail, Mailbox } from "../mailbox.ts";

/** The flags that a mail can be given (RFC 3501, 2.3.2), in the order in which they are shown. */
const systemFlags = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"] as const;

/** How long a keyword may be. */
const longestKeyword = 50;

/** Flags and keywords as they were given. */
export interface GivenFlags {
  /** IMAP's own, as they are spelled there; without `\Recent`, which nobody can set. */
  readonly flags: readonly string[];
  /** The keywords. */
  readonly keywords: readonly string[];
}

/**
 * Reads flags and keywords with spaces between them. Throws a `CommandFailure`, "USAGE", for what
 * begins with a backslash and isn't one of IMAP's flags.
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

/** Throws a `CommandFailure`, "DATAERR", for keywords of which one can't be. */
export function checkKeywords(keywords: readonly string[]): void {
  for (const keyword of keywords) {
    const fault = keywordFault(keyword);
    if (fault === undefined) continue;
    throw new CommandFailure("DATAERR", {
      log: `The keyword ${JSON.stringify(keyword)} ${fault}.`,
    });
  }
}

function keywordFault(keyword: string): string | undefined {
  if (keyword === "") return "is empty: there is a space too many";
  if (/[^\0-\x7f]/.test(keyword)) return "isn't ASCII";
  if (/[\0- (){%*"\\\]\x7f]/.test(keyword)) return "has a character that no keyword may have";
  if (keyword.length > longestKeyword) return `has more than ${longestKeyword} characters`;
  return undefined;
}

function systemFlag(word: string): string {
  const found = systemFlags.find((flag) => flag.toLowerCase() === word.toLowerCase());
  if (found !== undefined) return found;
  throw new CommandFailure("USAGE", {
    log:
      `There is no flag ${word}. Give one of ${systemFlags.join(" ")}, or a keyword, which has ` +
      "no backslash.",
  });
}

/**
 * The keywords of a mailbox, in the order in which they were first used there, and as they were
 * spelled then: upper and lower case are the same.
 */
export class MailboxKeywords {
  readonly #spellings = new Map<string, string>();

  /** The keywords of a mailbox; those that its mails got from elsewhere come last. */
  static of(mailbox: Mailbox): MailboxKeywords {
    let keywords = mailboxKeywords.get(mailbox);
    if (keywords === undefined) {
      mailboxKeywords.set(mailbox, keywords = new MailboxKeywords());
    }
    for (const mail of mailbox.mails) keywords.learn(mail.flags);
    return keywords;
  }

  /** Takes keywords in, if they are new; flags among them don't matter. */
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

  /** How a mail's flags are shown: IMAP's own, `\Recent` behind them, then the keywords. */
  text(mail: Mail, isRecent: boolean): string {
    const flags = this.normalize(mail.flags);
    const recent = isRecent ? ["\\Recent"] : [];
    const isKeyword = (flag: string) => !flag.startsWith("\\");
    return [...flags.filter((flag) => !isKeyword(flag)), ...recent, ...flags.filter(isKeyword)]
      .join(" ");
  }
}

const mailboxKeywords = new WeakMap<Mailbox, MailboxKeywords>();
