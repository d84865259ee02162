/**
 * Builds search queries in the form that Dovecot requires.
 *
 * Each query is an array of words, for the parameter `query` of any command. Combine them with {@linkcode
 * and}, {@linkcode or} and {@linkcode not}, which add parentheses as needed, and also accept arrays of
 * words that were written by hand. Texts need no quotes and no escapes.
 *
 * A query that Dovecot would refuse throws a `LocalProtocolError` when it is built.
 *
 * @example
 * ```ts
 * import { query } from "@dovewire/dovewire";
 *
 * const { and, days, from, mailbox, not, sentBefore, unseen } = query;
 * const old = and(mailbox("INBOX"), unseen, sentBefore(days(30)), not(from("boss@example.org")));
 * console.assert(
 *   old.join(" ") === "mailbox INBOX unseen sentbefore 30 days not from boss@example.org",
 * );
 * ```
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import { shownValue } from "../../option_checks.ts";
import {
  ago,
  dateText,
  type QueryDate,
  type QueryNumbers,
  type QuerySize,
  setText,
  sizeText,
  text,
  wholeNumber,
} from "./builder_values.ts";
import { parseQuery } from "./parse_query.ts";
import { QueryError } from "./query_words.ts";

export type { QueryDate, QueryNumbers, QuerySize } from "./builder_values.ts";

/** A search query: the words that the parameter `query` takes. */
export type Query = readonly string[];

/** Queries that need no parentheses next to others: lists of conditions that all have to match. */
const lists = new WeakSet<Query>();
/** Queries of a single condition, which can follow "not" and "or". */
const conditions = new WeakSet<Query>();

function condition(...words: readonly string[]): Query {
  return conditionOf(words);
}

function conditionOf(words: readonly string[]): Query {
  const built = Object.freeze([...words]);
  conditions.add(built);
  return built;
}

function list(words: readonly string[]): Query {
  const built = Object.freeze([...words]);
  lists.add(built);
  return built;
}

/** Every message. */
export const all: Query = condition("all");
/** No message. */
export const nothing: Query = condition("not", "all");

/** Messages that match all conditions; without conditions, every message. */
export function and(...queries: readonly Query[]): Query {
  if (queries.length === 0) return all;
  if (queries.length === 1) return checked(queries[0]);
  return list(queries.flatMap((query) => {
    const right = checked(query);
    return lists.has(right) || conditions.has(right) ? right : inParentheses(right);
  }));
}

/** Messages that match at least one condition; without conditions, no message. */
export function or(...queries: readonly Query[]): Query {
  if (queries.length === 0) return nothing;
  if (queries.length === 1) return checked(queries[0]);
  const words = queries.flatMap((query, at) => [...at > 0 ? ["or"] : [], ...asCondition(query)]);
  return conditionOf(inParentheses(words));
}

/**
 * Messages that don't match a condition.
 *
 * Dovecot also searches a mailbox that is named in a negated list. Name mailboxes outside of it.
 */
export function not(query: Query): Query {
  return conditionOf(["not", ...asCondition(query)]);
}

/** A query that was written by hand, word by word; throws if Dovecot would refuse it. */
export function words(...query: readonly string[]): Query {
  return checked(Object.freeze([...query]));
}

/** Messages in the mailbox of this name. Throws for "*" and "%": see {@linkcode mailboxMask}. */
export function mailbox(name: string): Query {
  const checkedName = text("mailbox", name);
  if (!/[*%]/.test(checkedName)) return condition("mailbox", checkedName);
  throw new LocalProtocolError(
    `Dovecot takes the mailbox name ${
      JSON.stringify(name)
    } for a mask. Use mailboxMask() if it is ` +
      "one, and else mailboxGuid().",
  );
}

/** Messages in mailboxes whose names match: "*" is any text, "%" any text within a level. */
export function mailboxMask(mask: string): Query {
  // A name without a wildcard is a mask as well.
  return condition("mailbox", text("mailboxMask", mask));
}

/** Messages in the mailbox of this GUID. */
export function mailboxGuid(guid: string): Query {
  return condition("mailbox-guid", text("mailboxGuid", guid));
}

/** The message of this GUID, and its copies. */
export function guid(guid: string): Query {
  return condition("guid", text("guid", guid));
}

/** Messages with these UIDs. */
export function uid(uids: QueryNumbers): Query {
  const set = setText("uid", uids);
  // Later versions of Dovecot refuse the empty set.
  return set === "" ? nothing : condition("uid", set);
}

/** Messages with these numbers in their mailbox, counted from 1. */
export function sequence(numbers: QueryNumbers): Query {
  const set = setText("sequence", numbers);
  return set === "" ? nothing : condition(set);
}

/** Messages with `\Answered`. */
export const answered: Query = condition("answered");
/** Messages without `\Answered`. */
export const unanswered: Query = condition("unanswered");
/** Messages with `\Deleted`. */
export const deleted: Query = condition("deleted");
/** Messages without `\Deleted`. */
export const undeleted: Query = condition("undeleted");
/** Messages with `\Draft`. */
export const draft: Query = condition("draft");
/** Messages without `\Draft`. */
export const undraft: Query = condition("undraft");
/** Messages with `\Flagged`. */
export const flagged: Query = condition("flagged");
/** Messages without `\Flagged`. */
export const unflagged: Query = condition("unflagged");
/** Messages with `\Seen`. */
export const seen: Query = condition("seen");
/** Messages without `\Seen`. */
export const unseen: Query = condition("unseen");
/** Messages that arrived since the mailbox was opened last: those with `\Recent`. */
export const recent: Query = condition("recent");
/** Messages without `\Recent`. */
export const old: Query = condition("old");

/** Messages with a keyword: "$Forwarded". Case doesn't matter. */
export function keyword(keyword: string): Query {
  if (!text("keyword", keyword).startsWith("\\")) return condition("keyword", keyword);
  throw new LocalProtocolError(
    `${JSON.stringify(keyword)} is not a keyword. Use the query for that flag, like "seen".`,
  );
}

/** Messages without a keyword. */
export function unkeyword(keyword_: string): Query {
  return not(keyword(keyword_));
}

/** Messages that were received before a day, or earlier than a moment (IMAP's internal date). */
export function before(date: QueryDate): Query {
  return condition("before", dateText("before", date));
}

/** Messages that were received on a day, or within 24 hours from a moment on. */
export function on(date: QueryDate): Query {
  return condition("on", dateText("on", date));
}

/** Messages that were received on a day or later, or from a moment on. */
export function since(date: QueryDate): Query {
  return condition("since", dateText("since", date));
}

/** The same as {@linkcode before} for the message's Date header. */
export function sentBefore(date: QueryDate): Query {
  return condition("sentbefore", dateText("sentBefore", date));
}

/** The same as {@linkcode on} for the message's Date header. */
export function sentOn(date: QueryDate): Query {
  return condition("senton", dateText("sentOn", date));
}

/** The same as {@linkcode since} for the message's Date header. */
export function sentSince(date: QueryDate): Query {
  return condition("sentsince", dateText("sentSince", date));
}

/** The same as {@linkcode before} for when the message was saved to its mailbox. */
export function savedBefore(date: QueryDate): Query {
  return condition("savedbefore", dateText("savedBefore", date));
}

/** The same as {@linkcode on} for when the message was saved to its mailbox. */
export function savedOn(date: QueryDate): Query {
  return condition("savedon", dateText("savedOn", date));
}

/** The same as {@linkcode since} for when the message was saved to its mailbox. */
export function savedSince(date: QueryDate): Query {
  return condition("savedsince", dateText("savedSince", date));
}

/** A number of seconds ago. */
export function seconds(count: number): string {
  return ago("seconds", count, 1);
}

/** A number of minutes ago. */
export function minutes(count: number): string {
  return ago("minutes", count, 60);
}

/** A number of hours ago. */
export function hours(count: number): string {
  return ago("hours", count, 3600);
}

/** A number of days of 24 hours ago. */
export function days(count: number): string {
  return ago("days", count, 86_400);
}

/** A number of weeks ago. */
export function weeks(count: number): string {
  return ago("weeks", count, 604_800);
}

/** Messages of more bytes than this, with every line ending in CRLF. */
export function larger(size: QuerySize): Query {
  return condition("larger", sizeText("larger", size));
}

/** Messages of fewer bytes than this, with every line ending in CRLF. */
export function smaller(size: QuerySize): Query {
  return condition("smaller", sizeText("smaller", size));
}

/** Messages with a text in a header field; without a text, those that have the field. */
export function header(field: string, part = ""): Query {
  if (!/^[!-9;-~]+$/.test(text("header", field))) {
    throw new LocalProtocolError(
      `${JSON.stringify(field)} is not the name of a header field. Use one like "List-Id".`,
    );
  }
  return condition("header", field, text("header", part));
}

/** Messages with a text in their Subject. */
export function subject(part: string): Query {
  return condition("subject", text("subject", part));
}

/** Messages with a text in the addresses or names of their From. */
export function from(part: string): Query {
  return condition("from", text("from", part));
}

/** Messages with a text in the addresses or names of their To. */
export function to(part: string): Query {
  return condition("to", text("to", part));
}

/** Messages with a text in the addresses or names of their Cc. */
export function cc(part: string): Query {
  return condition("cc", text("cc", part));
}

/** Messages with a text in the addresses or names of their Bcc. */
export function bcc(part: string): Query {
  return condition("bcc", text("bcc", part));
}

/** Messages with a text in their body. */
export function body(part: string): Query {
  return condition("body", text("body", part));
}

/** Messages with a text in their header or body. */
export function anywhere(part: string): Query {
  return condition("text", text("anywhere", part));
}

/** Messages that changed since: those with this modification sequence or a higher one. */
export function modseq(modseq: number | bigint): Query {
  return condition("modseq", wholeNumber("modseq", modseq));
}

/** The query itself if it is valid; throws a `LocalProtocolError` if it isn't. */
function checked(query: Query): Query {
  if (lists.has(query) || conditions.has(query)) return query;
  if (!Array.isArray(query)) {
    throw new LocalProtocolError(
      `A search query is ${
        shownValue(query)
      }. Give what a function for queries returns, or words().`,
    );
  }
  if (query.length === 0) {
    throw new LocalProtocolError('A search query has no words. Give "all" for every message.');
  }
  for (const word of query) text("words", word);
  const { type, keys } = parsed(query);
  // Mutable arrays can't be cached.
  const built = Object.freeze([...query]);
  if (type === "and") lists.add(built);
  if (type === "and" && keys.length === 1) conditions.add(built);
  return built;
}

function parsed(query: Query): { readonly type: "and" | "or"; readonly keys: readonly unknown[] } {
  try {
    return parseQuery(query, "2.3").key;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    // One version accepts it.
    return parseQuery(query, "2.4").key;
  }
}

function asCondition(query: Query): Query {
  const right = checked(query);
  return conditions.has(right) ? right : inParentheses(right);
}

function inParentheses(query: Query): Query {
  return ["(", ...query, ")"];
}
