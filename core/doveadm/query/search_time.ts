/**
 * Dates and sizes of search queries, in all formats of doveadm.
 *
 * Source: mail_parse_human_timestamp() in Dovecot's src/lib-storage/mail-storage.c, and
 * src/lib/str-parse.c (src/lib-settings/settings-parser.c in 2.3).
 *
 * @module
 */

import type { DovecotVersion } from "../catalogue/command_info.ts";

/** A moment to compare messages with. */
export type SearchTime =
  /** Midnight of a day, in seconds since 1970, in the time zone of the message's date. */
  | { readonly type: "day"; readonly seconds: number }
  /** A moment, in seconds since 1970. */
  | { readonly type: "moment"; readonly seconds: number }
  /** A number of seconds before the search. */
  | { readonly type: "ago"; readonly seconds: number };

/**
 * Reads "2026-01-31", "31-Jan-2026", a time in seconds since 1970, a relative time ("2 days", "1w",
 * "12hours"), or on 2.4 "31-Jan-2026 10:00:00 +0100". Returns `undefined` for anything else.
 *
 * A day that isn't in the calendar is a day of the next month, or out of range, on 2.3; 2.4 refuses it.
 */
export function readSearchTime(text: string, version: DovecotVersion): SearchTime | undefined {
  const iso = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (iso !== null) return readIsoDay(iso.slice(1).map(Number), version);
  const [date, time] = splitAtTime(text);
  const day = readDayName(date);
  if (day !== undefined) {
    if (time === undefined) return readImapDay(day, version);
    return version === "2.3" ? undefined : readImapTime(day, time);
  }
  if (/^-?\d+$/.test(text)) {
    const seconds = readInteger(text, 64);
    // This is a valid time as well, but Dovecot uses it for a failure.
    return seconds === undefined || seconds === -1n
      ? readAgo(text)
      : { type: "moment", seconds: Number(seconds) };
  }
  return readAgo(text);
}

/** Reads a day as IMAP writes it, "31-Jan-2026"; returns `undefined` for anything else. */
export function readSearchDay(text: string, version: DovecotVersion): SearchTime | undefined {
  const day = readDayName(text);
  return day && readImapDay(day, version);
}

/** A year, a month from 0 on and a day. */
type Day = readonly [year: number, month: number, day: number];

const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

function readIsoDay(
  [year, month, day]: readonly number[],
  version: DovecotVersion,
): SearchTime | undefined {
  const seconds = secondsOf([year, month - 1, day]);
  const isDay = isInCalendar([year, month - 1, day], seconds);
  return isDay || version === "2.3" ? { type: "day", seconds } : undefined;
}

function readDayName(text: string): Day | undefined {
  const found = /^ ?(\d\d?)-([a-z]{3})-(\d{4})$/i.exec(text);
  const month = found === null ? -1 : months.indexOf(found[2].toLowerCase());
  return found === null || month === -1 ? undefined : [Number(found[3]), month, Number(found[1])];
}

function readImapDay(day: Day, version: DovecotVersion): SearchTime | undefined {
  const seconds = secondsOf(day);
  if (isInCalendar(day, seconds)) return { type: "day", seconds };
  // Out of the range of any message's date.
  if (day[0] <= 2000) return { type: "day", seconds: -Infinity };
  return version === "2.3" ? { type: "day", seconds: Infinity } : undefined;
}

/** Splits "31-Jan-2026 10:00:00 +0100" at the time of day, if there is one. */
function splitAtTime(text: string): [date: string, time?: string] {
  const at = text.indexOf(" ", 1);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A day, a time of day, and an optional zone; anything else after it counts as UTC. */
function readImapTime(day: Day, text: string): SearchTime | undefined {
  const found = /^(\d\d):(\d\d):(\d\d) ([^]*)$/.exec(text);
  if (found === null) return undefined;
  const [hour, minute, second] = found.slice(1, 4).map(Number);
  // A leap second is treated as the second before it.
  const exact = [...day, hour, minute, second === 60 ? 59 : second];
  const local = secondsOf(exact);
  if (!isInCalendar(exact, local) || local === -1) {
    return day[0] <= 2000 ? { type: "moment", seconds: -Infinity } : undefined;
  }
  const [, sign, hours = 0, minutes = 0] = /^([+-])(\d\d)(\d\d)/.exec(found[4]) ?? [];
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60 : 60);
  const seconds = local - offset;
  return seconds === -1 ? undefined : { type: "moment", seconds };
}

/** Seconds since 1970 of a time in UTC; fields out of range are carried over. */
function secondsOf([year, month, day, ...time]: readonly number[]): number {
  const [hour = 0, minute = 0, second = 0] = time;
  // Date.UTC() adds 1900 to years up to 99.
  const midnight = new Date(0).setUTCFullYear(year, month, day) / 1000;
  return midnight + hour * 3600 + minute * 60 + second;
}

/** Whether no field was carried over. */
function isInCalendar(fields: readonly number[], seconds: number): boolean {
  const date = new Date(seconds * 1000);
  const found = [
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return fields.every((field, at) => field === found[at]);
}

/** The names of each unit, which may be shortened, and its milliseconds; the first match counts. */
const units: readonly (readonly [names: readonly string[], milliseconds: bigint])[] = [
  [["secs", "seconds"], 1000n],
  [["mins", "minutes"], 60_000n],
  [["msecs", "mseconds", "millisecs", "milliseconds"], 1n],
  [["hours"], 3_600_000n],
  [["days"], 86_400_000n],
  [["weeks"], 604_800_000n],
];

/** Reads a duration. */
function readAgo(text: string): SearchTime | undefined {
  const found = /^(\d+) *([a-z]*)$/i.exec(text);
  const count = found === null ? undefined : readUnsigned(found[1], 64);
  if (found === null || count === undefined) return undefined;
  const unit = found[2].toLowerCase();
  if (unit === "") return count === 0n ? { type: "ago", seconds: 0 } : undefined;
  const [, length] = units.find(([names]) => names.some((name) => name.startsWith(unit))) ?? [];
  if (length === undefined) return undefined;
  const milliseconds = count * length;
  // The range of 32 bits.
  if (milliseconds % 1000n !== 0n || milliseconds / 1000n >= 2n ** 32n) return undefined;
  return { type: "ago", seconds: Number(milliseconds / 1000n) };
}

const sizeUnits: Readonly<Record<string, bigint>> = {
  k: 2n ** 10n,
  m: 2n ** 20n,
  g: 2n ** 30n,
  t: 2n ** 40n,
};

/** Reads a size in bytes: "1000", "10k", "2 MB", "1GiB"; returns `undefined` for anything else. */
export function readSearchSize(text: string): bigint | undefined {
  const found = /^(\d+) *(?:b|([kmgt])i?b?)?$/i.exec(text);
  const count = found === null ? undefined : readUnsigned(found[1], 64);
  if (found === null || count === undefined) return undefined;
  const size = count * (sizeUnits[found[2]?.toLowerCase()] ?? 1n);
  return size < 2n ** 64n ? size : undefined;
}

/** Reads an unsigned number of that many bits; returns `undefined` for anything else. */
export function readUnsigned(text: string, bits: number): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  // Leading zeros don't count, and no valid number has more digits than these.
  const digits = text.replace(/^0+(?=\d)/, "");
  const number = digits.length > 20 ? 2n ** 64n : BigInt(digits);
  return number < 2n ** BigInt(bits) ? number : undefined;
}

/** Reads a signed number of that many bits; returns `undefined` for anything else. */
function readInteger(text: string, bits: number): bigint | undefined {
  const isNegative = text.startsWith("-");
  const size = readUnsigned(isNegative ? text.slice(1) : text, bits);
  if (size === undefined) return undefined;
  const number = isNegative ? -size : size;
  return BigInt.asIntN(bits, number) === number ? number : undefined;
}
