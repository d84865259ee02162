/**
 * Simplifies search queries as Dovecot does before it looks at mails.
 *
 * @module
 */

import type { SearchKey } from "./query.ts";
import type { SequenceSet } from "./sequence_set.ts";

/** The keys whose values must all be equal for Dovecot to recognize that. */
const comparable: ReadonlySet<string> = new Set(["flag", "keyword", "header", "body", "text"]);

const all: SearchKey = { type: "all" };
const none: SearchKey = { type: "not", key: all };

/**
 * Returns a key that matches the same mails, except for Dovecot's bugs (2.3's
 * src/lib-storage/mail-search-args-simplify.c).
 *
 * "not" only stands before single keys, and before sets only if they contain "*"; lists contain no lists of
 * their own kind; the sets of a list become one: their intersection, or with "or" their union. "*" is still
 * unknown then, so that "* 3" matches no mail, even if the third is the last. Of several limits of a kind
 * the deciding one is left, for which Dovecot forgets "not": of "not larger 1 not larger 9" it is the
 * second. A key that obviously matches all mails, or none, becomes "all", or "not all", and replaces the
 * whole list if it decides.
 *
 * With `now`, relative times become absolute.
 */
export function simplify(key: SearchKey, now?: Date): SearchKey {
  return new Simplifier(now).simplify(key, false);
}

class Simplifier {
  readonly #now: number | undefined;

  constructor(now: Date | undefined) {
    this.#now = now && Math.floor(now.getTime() / 1000);
  }

  simplify(key: SearchKey, isNot: boolean): SearchKey {
    switch (key.type) {
      case "not":
        return this.simplify(key.key, !isNot);
      case "and":
      case "or": {
        const type = (key.type === "and") === isNot ? "or" : "and";
        return simplifyList(key.keys.map((part) => this.simplify(part, isNot)), type);
      }
      case "sequences":
      case "uids":
        return simplifySet(key, isNot);
      case "body":
      case "text":
        if (key.text === "") return isNot ? none : all;
        break;
      case "before":
      case "on":
      case "since":
        return negated(this.#withMoment(key), isNot);
    }
    return negated(key, isNot);
  }

  #withMoment(key: TimeKey): TimeKey {
    const { type, seconds } = key.time;
    if (type !== "ago" || this.#now === undefined) return key;
    return { ...key, time: { type: "moment", seconds: this.#now - seconds } };
  }
}

type SetKey = SearchKey & { readonly type: "sequences" | "uids" };
type TimeKey = SearchKey & { readonly type: "before" | "on" | "since" };
type SizeKey = SearchKey & { readonly type: "larger" | "smaller" };

function negated(key: SearchKey, isNot: boolean): SearchKey {
  return isNot ? { type: "not", key } : key;
}

function simplifySet(key: SetKey, isNot: boolean): SearchKey {
  if (isNot && key.set.hasLast) return negated(key, isNot);
  const set = isNot ? key.set.inverted() : key.set;
  if (set.isAll) return all;
  return set.isEmpty ? none : { ...key, set };
}

/** A list of simple keys. */
function simplifyList(parts: readonly SearchKey[], type: "and" | "or"): SearchKey {
  const [neutral, decisive] = type === "and" ? [all, none] : [none, all];
  const flat = parts.flatMap((part) => part.type === type ? part.keys : [part]);
  const merged = withMergedLimits(withMergedSets(flat, type), type);
  const keys = withoutTwins(merged).filter((key) => !isSame(key, neutral));
  const isDecided = keys.some((key) => isSame(key, decisive)) || hasOpposites(keys);
  if (isDecided) return decisive;
  if (keys.length === 0) return neutral;
  return keys.length === 1 ? keys[0] : { type, keys };
}

function withMergedSets(keys: readonly SearchKey[], type: "and" | "or"): readonly SearchKey[] {
  const merged = new Map<string, SequenceSet>();
  for (const { type: kind, set } of keys.filter(isSet)) {
    const other = merged.get(kind);
    const both = type === "and" ? other?.intersection(set) : other?.union(set);
    merged.set(kind, both ?? set);
  }
  return keys.flatMap((key): readonly SearchKey[] => {
    if (!isSet(key)) return [key];
    const set = merged.get(key.type);
    merged.delete(key.type);
    return set === undefined ? [] : [simplifySet({ ...key, set }, false)];
  });
}

function isSet(key: SearchKey): key is SetKey {
  return key.type === "sequences" || key.type === "uids";
}

/** Keeps one limit of each kind, in the place of the first. */
function withMergedLimits(keys: readonly SearchKey[], type: "and" | "or"): readonly SearchKey[] {
  const best = new Map<string, { readonly key: SearchKey; readonly limit: Limit }>();
  for (const key of keys) {
    const limit = limitOf(key);
    if (limit === undefined) continue;
    const other = best.get(limit.kind);
    const isUpper = limit.isUpper === (type === "and");
    const isBetter = other === undefined ||
      (isUpper ? limit.value < other.limit.value : limit.value > other.limit.value);
    if (isBetter) best.set(limit.kind, { key, limit });
  }
  return keys.flatMap((key) => {
    const limit = limitOf(key);
    if (limit === undefined) return [key];
    const found = best.get(limit.kind);
    best.delete(limit.kind);
    return found === undefined ? [] : [found.key];
  });
}

/** The range that a key allows. */
interface Limit {
  /** Equal for all keys that it can be compared with. */
  readonly kind: string;
  readonly value: number;
  /** Whether lower values match fewer mails, without "not". */
  readonly isUpper: boolean;
}

function limitOf(key: SearchKey): Limit | undefined {
  const plain = key.type === "not" ? key.key : key;
  const not = key.type === "not" ? "not " : "";
  if (isTime(plain)) {
    const { type, date, time } = plain;
    const kind = `${not}${type} ${date} ${time.type}`;
    // The lower the "ago", the later the time.
    const isUpper = (type === "before") !== (time.type === "ago");
    return type === "on" ? undefined : { kind, value: time.seconds, isUpper };
  }
  if (!isSize(plain)) return undefined;
  return { kind: `${not}${plain.type}`, value: plain.size, isUpper: plain.type === "smaller" };
}

function isTime(key: SearchKey): key is TimeKey {
  return key.type === "before" || key.type === "on" || key.type === "since";
}

function isSize(key: SearchKey): key is SizeKey {
  return key.type === "larger" || key.type === "smaller";
}

function withoutTwins(keys: readonly SearchKey[]): readonly SearchKey[] {
  return keys.filter((key, at) => !keys.slice(0, at).some((other) => isSame(key, other)));
}

/** Whether the keys contain a key and its negation. */
function hasOpposites(keys: readonly SearchKey[]): boolean {
  return keys.some((key) => key.type === "not" && keys.some((other) => isSame(key.key, other)));
}

function isSame(key: SearchKey, other: SearchKey): boolean {
  if (key.type === "not" && other.type === "not") return isSame(key.key, other.key);
  if (key.type !== other.type) return false;
  if (key.type === "all" || key.type === "recent") return true;
  return comparable.has(key.type) && JSON.stringify(key) === JSON.stringify(other);
}
