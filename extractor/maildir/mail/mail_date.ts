/**
 * Dates in mails (RFC 5322, 3.3 and 4.3). The same on each runtime, unlike `Date.parse()`.
 *
 * @module
 */

import { monthOf, zoneOffset } from "./date_names.ts";

/**
 * Seconds since 1970; `undefined` for an invalid date, an ambiguous time or offset, or a date outside the
 * years 1 to 9999 in UTC.
 *
 * Beyond RFC 5322 the day may follow the month or the year, as C's asctime() and ISO 8601 write it, and the
 * day of the week is ignored, in any language. Two-digit years are 1950 to 2049, and three-digit ones count
 * from 1900 (RFC 5322, 4.3). An offset may have a colon, or a name before it as in "GMT+0100". Unknown
 * zones, including those of one letter, are UTC, as the RFC says.
 *
 * @example
 * ```ts
 * import { parseMailDate } from "./mail_date.ts";
 * import assert from "node:assert/strict";
 *
 * const seconds = Date.UTC(2014, 2, 4, 10) / 1000;
 * assert.equal(parseMailDate("Tue, 4 Mar 2014 12:00:00 +0200"), seconds);
 * assert.equal(parseMailDate("Di., Mar 04 2014 11:00 GMT+01:00 (MEZ)"), seconds);
 * ```
 */
export function parseMailDate(value: string): number | undefined {
  const text = withoutComments(value.slice(0, 512)).replace(/[\s"]+/g, " ").trim();
  const seconds = secondsOf(text);
  if (seconds === undefined || !(seconds >= -62_135_596_800)) return undefined;
  return seconds <= 253_402_300_799 ? seconds : undefined;
}

/** A time of day, with its fraction of a second and "am" or "pm". */
const timeOfDay =
  /(?<![\d.:])(\d{1,2}) ?: ?(\d{1,2})(?: ?[:.] ?(\d{1,2})(?:[.,]\d+)?)?(?![\d:])(?: ?([ap])\.?m\b\.?)?/i;
/** A time with dots, which dates have as well: after a year of four digits. */
const dottedTime =
  /(?<=\d{4},? )(\d{1,2}) ?\. ?(\d{2})(?: ?\. ?(\d{2}))?(?![\d:.])(?: ?([ap])\.?m\b\.?)?/i;
/** The form of ISO 8601 without separators, and Apache's, in which a colon follows the year. */
const basicForm = /\b(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)?/i;
const colonAfterYear = /(\b\d{4}):(?=\d\d:\d\d)/;

function secondsOf(text: string): number | undefined {
  const plain = text
    .replace(
      basicForm,
      (_, year, month, day, hour, minute, second = "00") =>
        `${year}-${month}-${day} ${hour}:${minute}:${second}`,
    )
    .replace(colonAfterYear, "$1 ")
    .replace(/(\d)T(?=\d)/i, "$1 ");
  const time = timeOfDay.exec(plain) ?? dottedTime.exec(plain);
  if (time === null) return undefined;
  const before = plain.slice(0, time.index).replace(/ at $/i, " ");
  let after = plain.slice(time.index + time[0].length).replace(/^[ ,]+/, "");
  let date = dateOf(before);
  if (date === undefined) {
    // asctime() and date(1) write the year last, before the zone or after it.
    const year = /^((?:[a-z]+|[+-]\d{1,2}:?\d\d) )?(\d{4})\b,?/i.exec(after);
    date = year === null ? undefined : dateOf(`${before} ${year[2]}`);
    if (year !== null) after = (year[1] ?? "") + after.slice(year[0].length).trim();
  }
  const offset = zoneOffset(after);
  if (date === undefined || offset === undefined) return undefined;
  const seconds = secondsOfDay(time);
  return seconds === undefined ? undefined : date / 1000 + seconds - offset;
}

function secondsOfDay(
  [, hours, minutes, seconds = "0", half]: RegExpExecArray,
): number | undefined {
  let [hour, minute, second] = [hours, minutes, seconds].map(Number);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    hour = hour % 12 + (half.toLowerCase() === "p" ? 12 : 0);
  }
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  return hour * 3600 + minute * 60 + second;
}

/** Midnight of a date without a time, in UTC, in milliseconds since 1970; `undefined` for none. */
function dateOf(text: string): number | undefined {
  const dotted = /^\D*?(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})[ ,]*$/.exec(text);
  if (dotted !== null) return midnight(dotted[3], Number(dotted[2]) - 1, dotted[1]);
  const iso = /^\D*?(\d{4})([-/])(\d{1,2})\2(\d{1,2})[ ,]*$/.exec(text);
  if (iso !== null) return midnight(iso[1], Number(iso[3]) - 1, iso[4]);
  const plain = text.replace(/(\d)(?:st|nd|rd|th)\b/gi, "$1");
  const tokens: string[] = plain.match(/[\p{L}\p{M}]+|\d+/gu) ?? [];
  // The day of the week: possibly several words, or a month's name in another language.
  while (tokens.length > 3 && !/^\d/.test(tokens[0])) tokens.shift();
  if (tokens.length !== 3) return undefined;
  const at = tokens.findIndex((token) => !/^\d/.test(token));
  const month = at === -1 ? undefined : monthOf(tokens[at]);
  if (month === undefined) return undefined;
  const numbers = tokens.filter((_, index) => index !== at);
  const [day, year] = numbers[0].length === 4 ? numbers.reverse() : numbers;
  return at === 2 ? undefined : midnight(year, month, day);
}

function midnight(yearText: string, month: number, dayText: string): number | undefined {
  if (!/^\d{2,4}$/.test(yearText) || !/^\d{1,2}$/.test(dayText)) return undefined;
  const day = Number(dayText);
  const date = new Date(0);
  // Unlike Date.UTC(), this doesn't add 1900 to years below 100.
  date.setUTCFullYear(fullYear(yearText), month, day);
  const isDate = date.getUTCMonth() === month && date.getUTCDate() === day;
  return isDate ? date.getTime() : undefined;
}

function fullYear(year: string): number {
  const number = Number(year);
  if (year.length === 4) return number;
  return number + (year.length === 2 && number < 50 ? 2000 : 1900);
}

/** The text without parentheses and the text in them; they may be nested. */
function withoutComments(text: string): string {
  let depth = 0;
  let rest = "";
  for (const character of text) {
    if (character === "(") depth++;
    else if (character === ")" && depth > 0) depth--;
    else if (depth === 0) rest += character;
  }
  return rest;
}
