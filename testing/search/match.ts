/**
 * Finds mails that match a search query, and the mailboxes to search.
 *
 * @module
 */

import type { MailUser } from "../mail_system.ts";
import type { Mail, Mailbox } from "../mailbox.ts";
import { canonicalName, fitsMask, isInbox } from "../mailboxes/names.ts";
import { type Message, parseMessage } from "../dovecot_message/message.ts";
import { parseMessageDate } from "../dovecot_message/message_date.ts";
import type { SearchDate, SearchKey, SearchQuery } from "./query.ts";
import { simplify } from "./simplify.ts";
import { MailTexts } from "./text.ts";
import type { EarlierMailboxes } from "./sequence_set.ts";
import type { SearchTime } from "../../core/doveadm/query/search_time.ts";

/** A mailbox to search. */
export interface SearchedMailbox {
  /** Its name. */
  readonly name: string;
  /** The hierarchy separator of its name; "/" if left out. */
  readonly separator?: string;
  readonly mailbox: Mailbox;
  /** The time of the search, for keys like "2 days"; now if left out. */
  readonly now?: Date;
  /** The mailboxes that the query visited before; none if left out. */
  readonly earlier?: EarlierMailboxes;
}

/** A found mail. */
export interface FoundMail {
  readonly mail: Mail;
  /** Its sequence number in the mailbox, from 1 on. */
  readonly sequence: number;
}

/**
 * The names of the mailboxes that a query selects, in the order in which Dovecot visits them. Names in the
 * query itself occur as often as they are given, whether the mailbox exists or not; all others are
 * existing mailboxes.
 */
export function mailboxesOf(query: SearchQuery, user: MailUser): readonly string[] {
  const named = namedMailboxes(query.key);
  if (named.length > 0 && named.every(({ type }) => type === "mailbox")) {
    return named.map((key) => canonicalName(maskOf(key), user.separatorOf(maskOf(key))));
  }
  const reached = new Set<string>();
  for (const key of named) {
    for (const [name] of user.matching(maskOf(key))) reached.add(name);
  }
  const names: string[] = [];
  for (const { name, exists } of user.names()) {
    if (!exists || (named.length > 0 && !reached.has(name))) continue;
    if (canBeIn(query.key, false, name, user.separatorOf(name))) names.push(name);
  }
  return names;
}

type MailboxKey = SearchKey & { readonly type: "mailbox" | "mailbox-mask" };

/** A key without wildcards is a mask as well, which matches only that name. */
function maskOf(key: MailboxKey): string {
  return key.type === "mailbox" ? key.name : key.mask;
}

/**
 * The mailboxes that a mail must be in, all of them; none if the query excludes one. Like Dovecot, it
 * ignores the negation of a list: `not ( mailbox Sent seen )` selects only Sent.
 */
function namedMailboxes(root: SearchKey): readonly MailboxKey[] {
  const named: MailboxKey[] = [];
  const visit = (key: SearchKey): boolean => {
    if (key.type === "not") {
      if (key.key.type === "and" || key.key.type === "not") return visit(key.key);
      return key.key.type !== "mailbox" && key.key.type !== "mailbox-mask";
    }
    if (key.type === "mailbox" || key.type === "mailbox-mask") named.push(key);
    return key.type !== "and" || key.keys.every(visit);
  };
  return visit(root) ? named : [];
}

/** Whether a mailbox's name allows mails that match a key, or that don't. */
function canBeIn(key: SearchKey, isNot: boolean, name: string, separator: string): boolean {
  switch (key.type) {
    case "not":
      return canBeIn(key.key, !isNot, name, separator);
    case "and":
    case "or": {
      const fits = (part: SearchKey) => canBeIn(part, isNot, name, separator);
      return (key.type === "and") === isNot ? key.keys.some(fits) : key.keys.every(fits);
    }
    case "mailbox":
      return (key.name === name) !== isNot;
    case "mailbox-mask":
      return fitsMask(key.mask, name, separator) !== isNot;
    default:
      return true;
  }
}

/** The mails of a mailbox that match a query, in order. */
export function* findMails(
  query: SearchQuery,
  searched: SearchedMailbox,
): IterableIterator<FoundMail> {
  const { mails } = searched.mailbox;
  const now = searched.now ?? new Date();
  const key = simplify(query.key, now);
  if (isSkipped(key, searched)) return;
  for (const [index, mail] of mails.entries()) {
    const found = { mail, sequence: index + 1 };
    const matcher = new Matcher({ ...searched, ...found, now, count: mails.length });
    if (matcher.fits(key)) yield found;
    else if (query.oldestOnly && !matcher.isOutByIndex(key)) return;
  }
}

/**
 * Whether Dovecot skips a mailbox before it looks at any mail: it does for a modification sequence that
 * no mail has yet, even after "not", and for "not" with a set that has both the first and the last mail,
 * whatever is between them.
 */
function isSkipped(root: SearchKey, { mailbox, earlier }: SearchedMailbox): boolean {
  const { count, highestModseq } = mailbox;
  const keys = root.type === "and" ? root.keys : [root];
  return keys.some((key) => {
    const plain = key.type === "not" ? key.key : key;
    if (plain.type === "modseq") return plain.modseq > highestModseq;
    return plain !== key && plain.type === "sequences" &&
      [1, count].every((sequence) => plain.set.hasSequence(sequence, count, earlier));
  });
}

/** A mail and its place. */
export interface SearchedMail extends SearchedMailbox, FoundMail {
  /** The number of mails in the mailbox; the current number if left out. */
  readonly count?: number;
}

/**
 * Whether a mail matches a query.
 *
 * Dates of reception and saving are compared by the day in UTC, dates of sending by the day in the sender's
 * time zone.
 *
 * Three bugs of Dovecot aren't imitated. In one search, it forgets sequence numbers that a mailbox didn't
 * have for all later mailboxes; of two negated dates or sizes of a kind, it keeps the wrong one; and
 * "unflagged or undeleted" finds nothing in a mailbox whose mails are all deleted.
 */
export function matches(query: SearchQuery, searched: SearchedMail): boolean {
  return new Matcher(searched).fits(simplify(query.key, searched.now));
}

class Matcher {
  readonly #searched: SearchedMail;
  readonly #message: Message;
  readonly #texts: MailTexts;

  constructor(searched: SearchedMail) {
    this.#searched = searched;
    this.#message = parseMessage(searched.mail.bytes);
    this.#texts = new MailTexts(this.#message);
  }

  /**
   * Whether Dovecot's index alone shows that the mail doesn't match a key. Such mails are skipped, so that
   * "oldestonly" doesn't end at them.
   */
  isOutByIndex(key: SearchKey): boolean {
    return this.#fitsByIndex(key) === false;
  }

  #fitsByIndex(key: SearchKey): boolean | undefined {
    switch (key.type) {
      case "and":
      case "or": {
        const fits = key.keys.map((part) => this.#fitsByIndex(part));
        const decisive = key.type === "or";
        if (fits.includes(decisive)) return decisive;
        return fits.includes(undefined) ? undefined : !decisive;
      }
      case "not": {
        const fits = this.#fitsByIndex(key.key);
        return fits === undefined ? undefined : !fits;
      }
      case "sequences":
      case "uids":
      case "flag":
      case "recent":
      case "keyword":
      case "modseq":
        return this.fits(key);
      default:
        return undefined;
    }
  }

  fits(key: SearchKey): boolean {
    const { mail, mailbox, sequence, count = mailbox.count, earlier } = this.#searched;
    switch (key.type) {
      case "all":
        return true;
      case "and":
        return key.keys.every((part) => this.fits(part));
      case "or":
        return key.keys.some((part) => this.fits(part));
      case "not":
        return !this.fits(key.key);
      case "sequences":
        return key.set.hasSequence(sequence, count, earlier);
      case "uids":
      case "real-uids":
        return key.set.hasUid(mail.uid);
      case "flag":
        return mail.flags.has(key.flag);
      case "recent":
        return mail.uid >= mailbox.firstRecentUid;
      case "keyword":
        return hasKeyword(mail.flags, key.keyword);
      case "before":
      case "on":
      case "since":
        return this.#fitsDate(key.type, key.date, key.time);
      case "larger":
        return this.#message.size.virtual > key.size;
      case "smaller":
        return this.#message.size.virtual < key.size;
      case "header":
        return this.#texts.headerHas(key.field, key.text, key.as);
      case "body":
        return key.text === "" || this.#texts.bodyHas(key.text);
      case "text":
        return key.text === "" || this.#texts.has(key.text);
      case "modseq":
        return mail.modseq >= key.modseq;
      case "guid":
        return mail.guid === key.guid;
      case "mailbox-guid":
        return mailbox.guid === key.guid;
      case "mailbox":
        return isSameMailbox(this.#searched.name, key.name);
      case "mailbox-mask":
        return fitsMask(key.mask, this.#searched.name, this.#searched.separator ?? "/");
    }
  }

  #fitsDate(type: "before" | "on" | "since", date: SearchDate, time: SearchTime): boolean {
    const { seconds, offset } = this.#date(date);
    // A day means the day in the time zone of the mail's date.
    const compared = time.type === "day" ? seconds + offset * 60 : seconds;
    const start = time.type === "ago" ? this.#now - time.seconds : time.seconds;
    switch (type) {
      case "before":
        return compared < start;
      case "on":
        return start <= compared && compared < start + 86_400;
      case "since":
        return compared >= start;
    }
  }

  /** A mail's date in seconds since 1970, and the offset of its time zone from UTC. */
  #date(date: SearchDate): { readonly seconds: number; readonly offset: number } {
    const { mail } = this.#searched;
    if (date === "sent") {
      const [field] = this.#message.fieldsNamed("Date");
      // A missing date is earlier than all others.
      return (field && parseMessageDate(field.value)) ?? { seconds: 0, offset: 0 };
    }
    const time = date === "received" ? mail.received : mail.saved;
    return { seconds: Math.floor(time.getTime() / 1000), offset: 0 };
  }

  get #now(): number {
    return Math.floor((this.#searched.now?.getTime() ?? Date.now()) / 1000);
  }
}

/** Whether a mail has a keyword, in any case; IMAP's own flags don't count. */
function hasKeyword(flags: ReadonlySet<string>, keyword: string): boolean {
  const wanted = keyword.toLowerCase();
  return !wanted.startsWith("\\") && [...flags].some((flag) => flag.toLowerCase() === wanted);
}

function isSameMailbox(name: string, wanted: string): boolean {
  return name === wanted || (isInbox(name) && isInbox(wanted));
}
