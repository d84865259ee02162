/**
 * Dates as messages have them (RFC 5322, 3.3), read as leniently as Dovecot reads them.
 *
 * @module
 */

import { Rfc822Reader } from "./rfc822_reader.ts";

/** A date of a message. */
export interface MessageDate {
  /** When it was, in seconds since 1970. */
  readonly seconds: number;
  /** The sender's offset from UTC, in minutes; positive east of it. */
  readonly offset: number;
}

const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

/** Reads a date, a byte string; returns `undefined` for an invalid one. */
export function parseMessageDate(value: string): MessageDate | undefined {
  const reader = new Rfc822Reader(value);
  reader.skipSpace();
  let day = token(reader);
  if (day?.length === 3) {
    if (reader.next() !== ",") return undefined;
    reader.at++;
    reader.skipSpace();
    day = token(reader);
  }
  const month = token(reader);
  const year = token(reader);
  const hour = token(reader);
  if (!isNumber(day) || month === undefined || !isNumber(hour)) return undefined;
  if (year === undefined || !/^(\d\d|\d{4})$/.test(year) || !isSeparator(reader)) return undefined;
  const minute = part(reader);
  const second = isSeparator(reader) ? part(reader) : "00";
  if (minute === undefined || second === undefined) return undefined;
  const zone = reader.next() === "" ? "" : token(reader);
  if (zone === undefined) return undefined;
  const monthIndex = months.indexOf(month.slice(0, 3).toLowerCase());
  const fullYear = year.length === 2 ? Number(year) + (year < "70" ? 2000 : 1900) : Number(year);
  // A leap second counts as the second before it.
  const seconds = second === "60" ? 59 : Number(second);
  if (monthIndex === -1 || fullYear < 1900 || Number(hour) > 23) return undefined;
  if (Number(minute) > 59 || seconds > 59) return undefined;
  const midnight = Date.UTC(fullYear, monthIndex, Number(day));
  if (new Date(midnight).getUTCDate() !== Number(day)) return undefined;
  const time = midnight / 1000 + Number(hour) * 3600 + Number(minute) * 60 + seconds;
  // Dovecot's value for a failure is a valid time, too.
  if (time === -1) return undefined;
  const offset = zoneOffset(zone);
  return { seconds: time - offset * 60, offset };
}

/** Reads an atom; returns `undefined` if there is none. */
function token(reader: Rfc822Reader): string | undefined {
  return reader.atom() === "broken" ? undefined : reader.read;
}

/** Reads a separator and two digits. */
function part(reader: Rfc822Reader): string | undefined {
  reader.at++;
  reader.skipSpace();
  const read = token(reader);
  return read !== undefined && /^\d\d$/.test(read) ? read : undefined;
}

function isSeparator(reader: Rfc822Reader): boolean {
  return reader.next() === ":" || reader.next() === ".";
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d\d?$/.test(text);
}

const zones: Readonly<Record<string, number>> = { E: -5, C: -6, M: -7, P: -8 };

/** A zone's offset from UTC, in minutes; 0 for an unknown one. */
function zoneOffset(zone: string): number {
  const found = /^([+-])(\d\d)(\d\d)$/.exec(zone);
  if (found !== null) {
    const offset = Number(found[2]) * 60 + Number(found[3]);
    return found[1] === "-" && offset !== 0 ? -offset : offset;
  }
  if (zone.length === 1) return militaryOffset(zone.toUpperCase());
  const american = /^([ECMP])([DS])T$/i.exec(zone);
  if (american === null || !zone.endsWith("T")) return 0;
  const hours = zones[american[1].toUpperCase()];
  return (american[2].toUpperCase() === "D" ? hours + 1 : hours) * 60;
}

/** The zones of one letter: A to M without J are east of UTC, N to Y are west of it. */
function militaryOffset(letter: string): number {
  if (!/^[A-IK-Y]$/.test(letter)) return 0;
  const code = letter.charCodeAt(0) - "A".charCodeAt(0);
  if (letter < "J") return (code + 1) * 60;
  return letter <= "M" ? code * 60 : ("M".charCodeAt(0) - letter.charCodeAt(0)) * 60;
}
