/**
 * Search queries of doveadm commands (doveadm-search-query(7)).
 *
 * @module
 */

import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import { decodeMutf7 } from "../../core/imap/mutf7.ts";
import { isMask } from "../mailboxes/names.ts";
import { parseSearchSize, parseSearchTime, type SearchTime } from "./time.ts";
import { parseSequenceSet, type SequenceSet } from "./sequence_set.ts";

/** Which of a mail's dates is meant. */
export type SearchDate = "received" | "sent" | "saved";

/** What a mail has to be like. */
export type SearchKey =
  | { readonly type: "all" }
  | { readonly type: "and" | "or"; readonly keys: readonly SearchKey[] }
  | { readonly type: "not"; readonly key: SearchKey }
  | { readonly type: "sequences" | "uids"; readonly set: SequenceSet }
  /** The same as "uids", but where Dovecot has mailboxes that are made of others. */
  | { readonly type: "real-uids"; readonly set: SequenceSet }
  /** One of IMAP's flags, as it is spelled there. */
  | { readonly type: "flag"; readonly flag: string }
  | { readonly type: "recent" }
  | { readonly type: "keyword"; readonly keyword: string }
  | {
    readonly type: "before" | "on" | "since";
    readonly date: SearchDate;
    readonly time: SearchTime;
  }
  | { readonly type: "larger" | "smaller"; readonly size: number }
  /** A text in a field of the header, or with an empty text, that there is such a field. */
  | {
    readonly type: "header";
    readonly field: string;
    readonly text: string;
    readonly as: FieldUse;
  }
  | { readonly type: "body" | "text"; readonly text: string }
  /** The keyword is only named: the modification sequence is that of any change. */
  | { readonly type: "modseq"; readonly modseq: number; readonly keyword?: string }
  | { readonly type: "guid" | "mailbox-guid"; readonly guid: string }
  | { readonly type: "mailbox"; readonly name: string }
  | { readonly type: "mailbox-mask"; readonly mask: string };

/**
 * How the value of a field is looked at: as it is, with single spaces for all white space, or with
 * the addresses in it written anew.
 */
export type FieldUse = "text" | "spaced" | "addresses";

/** A search query. */
export interface SearchQuery {
  /** What the mails have to be like. */
  readonly key: SearchKey;
  /** Whether the first mail of a mailbox that isn't like that ends the search there. */
  readonly oldestOnly: boolean;
}

/**
 * Reads a query: keys with their values, all of which a mail has to fit, or with "or" between any two
 * of them, one of which. No key at all fits each mail. Throws a `CommandFailure`, "USAGE", with the
 * reason as its `log`.
 *
 * As with Dovecot, `a b or c` is `a or b or c`; `a or b c` is refused.
 */
export function parseSearchQuery(args: readonly string[]): SearchQuery {
  return new QueryParser(args).parse();
}

/** A list of keys that is being read, and what stands between the last two of them. */
interface List {
  type: "and" | "or";
}

/** How deep lists and "not" may be nested. */
const deepest = 500;

class QueryParser {
  readonly #args: readonly string[];
  #at = 0;
  /** How many lists are open. */
  #lists = 0;
  #depth = 0;
  /** The key that is being read, for messages. */
  #name = "";
  #oldestOnly = false;

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  parse(): SearchQuery {
    const key = this.#readList();
    return { key, oldestOnly: this.#oldestOnly };
  }

  /** Reads keys up to the end of the list, or of the query. */
  #readList(): SearchKey & { readonly type: "and" | "or" } {
    const list: List = { type: "and" };
    let { type } = list;
    const keys: SearchKey[] = [];
    for (let key = this.#readKey(list); key !== undefined; key = this.#readKey(list)) {
      if (type === "or" && list.type === "and") {
        throw wrong('it has both keys with "or" and keys without between them. Use parentheses');
      }
      type = list.type;
      list.type = "and";
      keys.push(key);
    }
    return { type, keys };
  }

  /** Reads a key; gives `undefined` where the list ends instead. */
  #readKey(list: List): SearchKey | undefined {
    const name = this.#args[this.#at++];
    if (name === undefined) {
      if (this.#lists > 0) throw wrong('a ")" is missing');
      return undefined;
    }
    if (name === ")") {
      if (this.#lists === 0) throw wrong('there is a ")" without a "("');
      this.#lists--;
      return undefined;
    }
    if (++this.#depth > deepest) throw wrong(`it is nested more than ${deepest} levels deep`);
    const key = name === "(" ? this.#readParentheses() : this.#readNamed(name, list);
    this.#depth--;
    return key;
  }

  #readParentheses(): SearchKey {
    this.#lists++;
    const key = this.#readList();
    if (key.keys.length === 0) throw wrong('there is nothing between "(" and ")"');
    return key;
  }

  #readNamed(name: string, list: List): SearchKey {
    this.#name = name;
    const upper = name.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
    switch (upper) {
      case "ALL":
        return { type: "all" };
      case "NOT":
        return { type: "not", key: this.#readNextKey(list) };
      case "OR":
        list.type = "or";
        return this.#readNextKey(list);
      case "FUZZY":
        // Only a full-text index would take it less exactly.
        return this.#readNextKey(list);
      case "OLDESTONLY":
        this.#oldestOnly = true;
        return { type: "all" };
      case "NEW":
        return { type: "and", keys: [{ type: "recent" }, not({ type: "flag", flag: "\\Seen" })] };
      case "RECENT":
        return { type: "recent" };
      case "OLD":
        return not({ type: "recent" });
      case "KEYWORD":
        return { type: "keyword", keyword: this.#value() };
      case "UNKEYWORD":
        return not({ type: "keyword", keyword: this.#value() });
      case "UID": {
        const value = this.#value();
        return { type: "uids", set: this.#set(value === "$" ? "" : value) };
      }
      case "X-REAL-UID":
        return { type: "real-uids", set: this.#set(this.#value()) };
      case "$":
        // The result of an earlier search, and there is none here.
        return { type: "uids", set: this.#set("") };
      case "LARGER":
      case "SMALLER":
        return { type: upper === "LARGER" ? "larger" : "smaller", size: this.#size() };
      case "OLDER":
      case "YOUNGER":
        return this.#readAge(upper);
      case "SAVEDATESUPPORTED":
        return { type: "all" };
      case "HEADER": {
        const field = this.#value();
        return { type: "header", field, text: this.#value(), as: "text" };
      }
      case "SUBJECT":
        return { type: "header", field: name, text: this.#value(), as: "spaced" };
      case "FROM":
      case "TO":
      case "CC":
      case "BCC":
        return { type: "header", field: name, text: this.#value(), as: "addresses" };
      case "BODY":
      case "TEXT":
        return { type: upper === "BODY" ? "body" : "text", text: this.#value() };
      case "MODSEQ":
        return this.#readModseq();
      case "GUID":
      case "X-GUID":
        return { type: "guid", guid: this.#value() };
      case "MAILBOX-GUID":
        return { type: "mailbox-guid", guid: this.#value() };
      case "MAILBOX": {
        const mailbox = this.#value();
        return isMask(mailbox)
          ? { type: "mailbox-mask", mask: mailbox }
          : { type: "mailbox", name: mailbox };
      }
      case "X-MAILBOX":
        return this.#readMutf7Mailbox();
      case "INTHREAD":
      case "MIMEPART":
        throw wrong(`the embedded server doesn't know the key ${upper}`);
    }
    const flag = flags.get(upper);
    if (flag !== undefined) return flag;
    const date = dates.get(upper);
    if (date !== undefined) return { ...date, time: this.#time() };
    if (/^[*\d]/.test(name)) return { type: "sequences", set: this.#set(name) };
    throw wrong(`there is no key ${JSON.stringify(name)}`);
  }

  /** Reads a key that has to follow. */
  #readNextKey(list: List): SearchKey {
    const name = this.#name;
    const key = this.#readKey(list);
    if (key === undefined) throw wrong(`a key is missing behind ${JSON.stringify(name)}`);
    return key;
  }

  #readAge(name: "OLDER" | "YOUNGER"): SearchKey {
    const value = this.#value();
    const seconds = /^\d{1,10}$/.test(value) ? Number(value) : 0;
    if (seconds === 0 || seconds > 0xffffffff) throw this.#wrongValue(value, "a number of seconds");
    const date = "received";
    if (name === "YOUNGER") return { type: "since", date, time: { type: "ago", seconds } };
    // One that is exactly so old is older as well.
    return { type: "before", date, time: { type: "ago", seconds: seconds - 1 } };
  }

  /** Reads a modification sequence, ahead of which a flag and what it is about may stand. */
  #readModseq(): SearchKey {
    let value = this.#value();
    const name = value.toLowerCase();
    const keyword = /^\/flags\/([^\\].*)/.exec(name)?.[1];
    if (name.startsWith("/flags/")) {
      if (/^\/flags\/\\(?!(answered|flagged|deleted|seen|draft)$)/.test(name)) {
        throw this.#wrongValue(value, "a flag's name");
      }
      const about = this.#value();
      if (!/^(all|priv|shared)$/i.test(about)) {
        throw this.#wrongValue(about, '"all", "priv" or "shared"');
      }
      value = this.#value();
    }
    if (!/^\d{1,20}$/.test(value)) throw this.#wrongValue(value, "a number");
    const modseq = Number(value);
    return keyword === undefined ? { type: "modseq", modseq } : { type: "modseq", modseq, keyword };
  }

  #readMutf7Mailbox(): SearchKey {
    const value = this.#value();
    const mask = decodeMutf7(value);
    if (mask === undefined) throw this.#wrongValue(value, "a name in modified UTF-7");
    return { type: "mailbox-mask", mask };
  }

  #set(value: string): SequenceSet {
    const set = parseSequenceSet(value);
    if (set === undefined) throw this.#wrongValue(value, 'a set of numbers, like "1,3:5,10:*"');
    return set;
  }

  #size(): number {
    const value = this.#value();
    const size = parseSearchSize(value);
    if (size === undefined) throw this.#wrongValue(value, 'a size, like "2000" or "1M"');
    return size;
  }

  #time(): SearchTime {
    const value = this.#value();
    const time = parseSearchTime(value);
    if (time !== undefined) return time;
    throw this.#wrongValue(
      value,
      'a date, like "2026-01-31", "31-Jan-2026", a time in seconds since 1970 or "2 days"',
    );
  }

  /** The value that has to follow. */
  #value(): string {
    const value = this.#args[this.#at++];
    if (value === undefined) throw wrong(`the value of ${JSON.stringify(this.#name)} is missing`);
    return value;
  }

  #wrongValue(value: string, wanted: string): CommandFailure {
    const [key, text] = [this.#name, value].map((part) => JSON.stringify(part));
    return wrong(`${key} has ${text}, which isn't ${wanted}`);
  }
}

const flags = new Map<string, SearchKey>(
  ["Answered", "Deleted", "Draft", "Flagged", "Seen"].flatMap((name) => {
    const key: SearchKey = { type: "flag", flag: `\\${name}` };
    return [[name.toUpperCase(), key], [`UN${name.toUpperCase()}`, not(key)]];
  }),
);

const dates = new Map(
  (["before", "on", "since"] as const).flatMap((type) => {
    const received = { type, date: "received" as SearchDate };
    const sent = { type, date: "sent" as SearchDate };
    const saved = { type, date: "saved" as SearchDate };
    const name = type.toUpperCase();
    return [
      [name, received],
      [`SENT${name}`, sent],
      [`SAVED${name}`, saved],
      [`X-SAVED${name}`, saved],
    ] as const;
  }),
);

function not(key: SearchKey): SearchKey {
  return { type: "not", key };
}

function wrong(why: string): CommandFailure {
  return new CommandFailure("USAGE", { log: `The search query is wrong: ${why}.` });
}
