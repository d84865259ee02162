/**
 * Converts typed values to words of search queries.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import { shownValue } from "../../option_checks.ts";
import { readNumberSet } from "./number_set.ts";
import { readSearchSize, readSearchTime } from "./search_time.ts";

/**
 * A day or a moment.
 *
 * A `Date` is a moment, to the second. A text is a day, "2026-01-31" or "31-Jan-2026", or a relative time:
 * "2 days", "3d", "1week", "12hours"; `days()` and the like return such texts.
 */
export type QueryDate = Date | string;

/** A size in bytes: a number, or a text like "2000", "10k" or "10M", where "k" is 1024. */
export type QuerySize = number | bigint | string;

/** Message numbers, from 1 on: one, several, or a set like "1,3:5,10:*" ("*" is the last one). */
export type QueryNumbers = number | readonly number[] | string;

/** Checks a text for a query. */
export function text(name: string, value: string): string {
  if (typeof value === "string" && !value.includes("\0")) return value;
  throw new LocalProtocolError(
    `${name}() in a search query needs a text without NULs, and not ${shownValue(value)}.`,
  );
}

/** Converts an integer from 0 on of 64 bits. */
export function wholeNumber(name: string, value: number | bigint): string {
  const isRight = typeof value === "bigint"
    ? value >= 0n && value < 2n ** 64n
    : Number.isSafeInteger(value) && value >= 0;
  if (isRight) return String(value);
  throw new LocalProtocolError(
    `${name}() in a search query needs an integer from 0 on, and not ${shownValue(value)}.`,
  );
}

/** Converts a date. */
export function dateText(name: string, date: QueryDate): string {
  if (date instanceof Date) {
    // Dovecot compares whole seconds: a fraction is rounded up.
    const seconds = Math.ceil(date.getTime() / 1000);
    if (Number.isFinite(seconds) && seconds !== -1) return String(seconds);
    throw new LocalProtocolError(`${name}() in a search query needs a valid Date.`);
  }
  const isRight = typeof date === "string" &&
    (readSearchTime(date, "2.3") ?? readSearchTime(date, "2.4")) !== undefined;
  if (isRight) return date;
  throw new LocalProtocolError(
    `${name}() in a search query needs a Date, a day like "2026-01-31", or how long ago it is, ` +
      `like "2 days", and not ${shownValue(date)}.`,
  );
}

/** The longest relative time, in seconds: Dovecot uses 32 bits for it. */
const longestAgo = 2 ** 32 - 1;

/** Converts a relative time. */
export function ago(unit: string, count: number, length: number): string {
  // Nothing, as a setting may be, would be 0: all messages are older than that.
  const seconds = typeof count === "number" ? Math.round(count * length) : NaN;
  if (seconds >= 0 && seconds <= longestAgo) {
    return Number.isInteger(count) ? `${count} ${unit}` : `${seconds} seconds`;
  }
  throw new LocalProtocolError(
    `${unit}(${shownValue(count)}) is not a valid time in a search query. Use a number from 0 to ` +
      `${Math.floor(longestAgo / length)}.`,
  );
}

/** Converts a size. */
export function sizeText(name: string, size: QuerySize): string {
  if (typeof size !== "string") return wholeNumber(name, size);
  if (readSearchSize(size) !== undefined) return size;
  throw new LocalProtocolError(
    `${name}() in a search query needs a number of bytes, or a size like "10M", and not ` +
      `${JSON.stringify(size)}.`,
  );
}

/** The highest number in a set: the number above it stands for "*". */
const highestNumber = 2 ** 32 - 2;

/** Converts a set of numbers; "" for none. */
export function setText(name: string, numbers: QueryNumbers): string {
  const given: readonly number[] = typeof numbers === "string" ? [] : [numbers].flat();
  // These can't be compared, or be counted on from.
  const isStrange = (value: unknown) => typeof value === "symbol" || typeof value === "bigint";
  const known = given.map((number) => isStrange(number) ? NaN : number);
  const set = typeof numbers === "string"
    ? numbers
    : rangesOf([...new Set(known)].sort((a, b) => Number(a) - Number(b)));
  const isRight = readNumberSet(set) !== undefined &&
    (set.match(/\d+/g) ?? []).every((digits) => Number(digits) <= highestNumber);
  if (isRight) return set;
  throw new LocalProtocolError(
    `${name}() in a search query needs numbers from 1 to ${highestNumber}, or a set like ` +
      `"1,3:5,10:*", and not ${JSON.stringify(set.length > 60 ? `${set.slice(0, 60)}…` : set)}.`,
  );
}

/** Rising numbers as a set of ranges. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < numbers.length;) {
    let end = at;
    while (numbers[end + 1] === numbers[end] + 1) end++;
    ranges.push(at === end ? String(numbers[at]) : `${numbers[at]}:${numbers[end]}`);
    at = end + 1;
  }
  return ranges.join(",");
}
