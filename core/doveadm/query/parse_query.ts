/**
 * Reads search queries of doveadm commands (doveadm-search-query(7)).
 *
 * Source: Dovecot's src/lib-storage: mail-search-register-human.c, mail-search-register-imap.c,
 * mail-search-build.c and mail-search-parser-cmdline.c.
 *
 * @module
 */

import { decodeMutf7 } from "../../imap/mutf7.ts";
import type { DovecotVersion } from "../catalogue/command_info.ts";
import { readMimePart } from "./mime_part.ts";
import { type NumberRange, readNumberSet } from "./number_set.ts";
import { QueryWords, upperCase } from "./query_words.ts";
import type { FieldUse, SearchDate, SearchKey, SearchQuery } from "./search_key.ts";
import { readSearchSize, readSearchTime, readUnsigned, type SearchTime } from "./search_time.ts";

/**
 * Reads a query: keys with their values, which all have to match; of keys joined by "or", at least one. A
 * query without keys matches every message.
 *
 * As in Dovecot, `a b or c` is `a or b or c`, and `a or b c` is refused. The versions accept different
 * dates. Throws a `QueryError` for a query that the version refuses, or that is nested more than 500 levels
 * deep.
 */
export function parseQuery(words: readonly string[], version: DovecotVersion): SearchQuery {
  return new QueryParser(words, version).parse();
}

/** The keys of a list so far, and the operator before the last one. */
interface List {
  type: "and" | "or";
}

/** The kinds of values, for messages. */
const wanted = {
  set: 'a set of numbers like "1,3:5,10:*"',
  size: 'a size like "2000" or "10M"',
  date: 'a date like "2026-01-31", "31-Jan-2026", "2 days" (ago), or a time in seconds since 1970',
  seconds: "a number of seconds from 1 on",
  modseq: "a modification sequence, which is a number,",
  flag: "one of the flags \\Answered, \\Flagged, \\Deleted, \\Seen, \\Draft, or a keyword,",
  part: '"all", "priv" or "shared"',
  mutf7: "a mailbox name in modified UTF-7",
  thread: "one of the algorithms REFERENCES, REFS, ORDEREDSUBJECT",
} as const;

const threadAlgorithms = ["REFERENCES", "REFS", "ORDEREDSUBJECT"];

class QueryParser {
  readonly #words: QueryWords;
  readonly #version: DovecotVersion;
  #oldestOnly = false;

  constructor(words: readonly string[], version: DovecotVersion) {
    this.#words = new QueryWords(words);
    this.#version = version;
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
        throw this.#words.wrongKey(
          'keys with "or" between them and keys without stand side by side. Put parentheses ' +
            "around one of the two; it goes wrong at",
        );
      }
      type = list.type;
      list.type = "and";
      keys.push(key);
    }
    return { type, keys };
  }

  /** Reads a key; returns `undefined` at the end of the list. */
  #readKey(list: List): SearchKey | undefined {
    const name = this.#words.nextKey();
    if (name === undefined) return undefined;
    return this.#words.nested(() =>
      name === "(" ? this.#readParentheses() : this.#readNamed(name, list)
    );
  }

  #readParentheses(): SearchKey {
    const { keyAt } = this.#words;
    const key = this.#readList();
    if (key.keys.length > 0) return key;
    throw this.#words.wrong(
      `there is nothing between "(" and ")" (words ${keyAt + 1} and ${keyAt + 2})`,
      keyAt,
    );
  }

  #readNamed(name: string, list: List): SearchKey {
    const key = upperCase(name);
    const simple = simpleKeys.get(key);
    if (simple !== undefined) return simple;
    const date = dates.get(key);
    if (date !== undefined) return { ...date, time: this.#time() };
    switch (key) {
      case "NOT":
        return not(this.#readRequired(list));
      case "OR":
        list.type = "or";
        return this.#readRequired(list);
      case "FUZZY":
        // Only an index for full text search treats it differently.
        return this.#readRequired(list);
      case "OLDESTONLY":
        this.#oldestOnly = true;
        return all;
      case "KEYWORD":
        return { type: "keyword", keyword: this.#text() };
      case "UNKEYWORD":
        return not({ type: "keyword", keyword: this.#text() });
      case "UID": {
        const value = this.#words.value(wanted.set);
        // The result of an earlier search, which doesn't exist here.
        return { type: "uids", ranges: value === "$" ? [] : this.#set(value) };
      }
      case "X-REAL-UID":
        return { type: "real-uids", ranges: this.#set(this.#words.value(wanted.set)) };
      case "LARGER":
      case "SMALLER":
        return { type: key === "LARGER" ? "larger" : "smaller", size: this.#size() };
      case "OLDER":
      case "YOUNGER":
        return this.#readAge(key);
      case "HEADER":
        return this.#header(this.#words.value("a header field's name, and a text,"), "text");
      case "SUBJECT":
        return this.#header(name, "spaced");
      case "FROM":
      case "TO":
      case "CC":
      case "BCC":
        return this.#header(name, "addresses");
      case "BODY":
      case "TEXT":
        return { type: key === "BODY" ? "body" : "text", text: this.#text() };
      case "MODSEQ":
        return this.#readModseq();
      case "GUID":
      case "X-GUID":
        return { type: "guid", guid: this.#text() };
      case "MAILBOX-GUID":
        return { type: "mailbox-guid", guid: this.#text() };
      case "MAILBOX": {
        const mailbox = this.#words.value("a mailbox's name");
        return /[*%]/.test(mailbox)
          ? { type: "mailbox-mask", mask: mailbox }
          : { type: "mailbox", name: mailbox };
      }
      case "X-MAILBOX":
        return { type: "mailbox-mask", mask: this.#mutf7() };
      case "INTHREAD":
        return this.#readThread();
      case "MIMEPART":
        readMimePart(this.#words, this.#version);
        return { type: "mime-part" };
    }
    if (/^[*\d]/.test(name)) {
      const ranges = readNumberSet(name);
      if (ranges !== undefined) return { type: "sequences", ranges };
      throw this.#words.wrongKey(`a set of numbers looks like "1,3:5,10:*", and not like`);
    }
    throw this.#words.wrongKey("there is no key");
  }

  /** Reads a key that has to follow. */
  #readRequired(list: List): SearchKey {
    const { key, keyAt } = this.#words;
    const found = this.#readKey(list);
    if (found !== undefined) return found;
    throw this.#words.wrong(`${key} (word ${keyAt + 1}) needs a key after it`, keyAt + 1);
  }

  #readAge(name: "OLDER" | "YOUNGER"): SearchKey {
    const seconds = Number(readUnsigned(this.#words.value(wanted.seconds), 32) ?? 0);
    if (seconds === 0) throw this.#words.wrongValue(wanted.seconds);
    const date = "received";
    if (name === "YOUNGER") return { type: "since", date, time: { type: "ago", seconds } };
    // A message of exactly this age counts as older, too.
    return { type: "before", date, time: { type: "ago", seconds: seconds - 1 } };
  }

  /** Reads a modification sequence, after an optional flag and its type. */
  #readModseq(): SearchKey {
    let value = this.#words.value(wanted.modseq);
    const name = value.toLowerCase();
    const keyword = /^\/flags\/([^\\][^]*)/.exec(name)?.[1];
    if (name.startsWith("/flags/")) {
      if (/^\/flags\/\\(?!(answered|flagged|deleted|seen|draft)$)/.test(name)) {
        throw this.#words.wrongValue(wanted.flag);
      }
      const part = this.#words.value(wanted.part);
      if (!/^(all|priv|shared)$/i.test(part)) throw this.#words.wrongValue(wanted.part);
      value = this.#words.value(wanted.modseq);
    }
    const modseq = readUnsigned(value, 64);
    if (modseq === undefined) throw this.#words.wrongValue(wanted.modseq);
    return keyword === undefined ? { type: "modseq", modseq } : { type: "modseq", modseq, keyword };
  }

  #readThread(): SearchKey {
    const algorithm = upperCase(this.#words.value(wanted.thread));
    if (!threadAlgorithms.includes(algorithm)) throw this.#words.wrongValue(wanted.thread);
    const list: List = { type: "and" };
    const key = this.#readRequired(list);
    // After an "or" in it, Dovecot ignores the thread.
    return list.type === "or" ? { type: "or", keys: [key] } : { type: "in-thread", algorithm, key };
  }

  #header(field: string, as: FieldUse): SearchKey {
    return { type: "header", field, text: this.#text(), as };
  }

  #text(): string {
    return this.#words.value("a value");
  }

  #set(value: string): readonly NumberRange[] {
    const ranges = readNumberSet(value);
    if (ranges === undefined) throw this.#words.wrongValue(wanted.set);
    return ranges;
  }

  #size(): bigint {
    const size = readSearchSize(this.#words.value(wanted.size));
    if (size === undefined) throw this.#words.wrongValue(wanted.size);
    return size;
  }

  #time(): SearchTime {
    const time = readSearchTime(this.#words.value(wanted.date), this.#version);
    if (time === undefined) throw this.#words.wrongValue(wanted.date);
    return time;
  }

  #mutf7(): string {
    const value = this.#words.value(wanted.mutf7);
    const name = decodeMutf7(value) ?? decodeMutf7(withoutIgnored(value));
    if (name === undefined) throw this.#words.wrongValue(wanted.mutf7);
    return name;
  }
}

/** A name in modified UTF-7 without the invalid bytes that Dovecot accepts after the first "&". */
function withoutIgnored(name: string): string {
  const at = name.indexOf("&");
  return at === -1 ? name : name.slice(0, at) + name.slice(at).replaceAll(/[^ -~]/g, " ");
}

const all: SearchKey = { type: "all" };

function not(key: SearchKey): SearchKey {
  return { type: "not", key };
}

/** The keys without a value. */
const simpleKeys: ReadonlyMap<string, SearchKey> = new Map<string, SearchKey>([
  ["ALL", all],
  ["SAVEDATESUPPORTED", all],
  ["RECENT", { type: "recent" }],
  ["OLD", not({ type: "recent" })],
  ["NEW", { type: "and", keys: [{ type: "recent" }, not({ type: "flag", flag: "\\Seen" })] }],
  // The result of an earlier search, which doesn't exist here.
  ["$", { type: "uids", ranges: [] }],
  ...["Answered", "Deleted", "Draft", "Flagged", "Seen"].flatMap((name) => {
    const key: SearchKey = { type: "flag", flag: `\\${name}` };
    const upper = name.toUpperCase();
    return [[upper, key], [`UN${upper}`, not(key)]] as const;
  }),
]);

/** The keys with a date. */
const dates = new Map(
  (["before", "on", "since"] as const).flatMap((type) => {
    const key = (date: SearchDate) => ({ type, date });
    const name = type.toUpperCase();
    return [
      [name, key("received")],
      [`SENT${name}`, key("sent")],
      [`SAVED${name}`, key("saved")],
      [`X-SAVED${name}`, key("saved")],
    ] as const;
  }),
);
