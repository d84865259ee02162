/**
 * Converts the texts that Dovecot sends to typed values.
 *
 * @module
 */

import {
  decodeUtf8,
  encodeUtf8,
  LocalProtocolError,
  quoteText,
  RemoteProtocolError,
} from "../../core/mod.ts";
import { shownValue } from "../../core/option_checks.ts";
import type { ColumnInfo } from "../../core/doveadm/catalogue/mod.ts";
import { wallClockTime } from "./wall_clock.ts";

/** The type of a value in a row. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | readonly string[]
  | readonly number[]
  | null;

/** Options for reading values. */
export interface ValueOptions {
  /** The time zone of the server's clock, as in "Europe/Helsinki"; the runtime's if left out. */
  readonly timeZone?: string;
}

/** How many more items the lists in values may have. */
export class ListRoom {
  readonly #most: number;
  #left: number;

  /** Has room for as many items as a reply may have values. */
  constructor(most: number) {
    this.#most = this.#left = most;
  }

  /** Splits a list at its separators. Throws a `RemoteProtocolError` if it has more items than there is room for. */
  split(text: string, separator: string, { key }: ColumnInfo): string[] {
    // One item more than there is room for is enough to know. A limit of 2^32 would count as 0.
    const items = text.split(separator, Math.min(this.#left + 1, 0xffff_ffff));
    if (items.length > this.#left) {
      throw new RemoteProtocolError(
        `The lists in "${key}" have more than ${this.#most} items. Ask for less at once, use send(), which ` +
          'returns them as they come, or raise "limits.values".',
        { limit: "values", sent: true },
      );
    }
    this.#left -= items.length;
    return items;
  }

  /** Makes room for as many as at the start. */
  clear(): void {
    this.#left = this.#most;
  }
}

/** Throws a `LocalProtocolError` for a time zone that the runtime doesn't know. */
export function checkValueOptions({ timeZone }: ValueOptions): void {
  if (timeZone === undefined) return;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone });
    if (typeof timeZone === "string") return;
  } catch {
    // It is none.
  }
  throw new LocalProtocolError(
    `"timeZone" is ${
      shownValue(timeZone)
    }. Set it to a name like "Europe/Vienna", or leave it out.`,
  );
}

/**
 * Converts a value that came as bytes or from JSON.
 *
 * Throws a `RemoteProtocolError` for a text that is invalid for its column, and for a list without room.
 */
export function readValue(
  column: ColumnInfo,
  value: Uint8Array | string | number | boolean | null,
  room: ListRoom,
  { timeZone }: ValueOptions = {},
): Value {
  if (value === null) return nullIn(column);
  if (column.type === "bytes") {
    return value instanceof Uint8Array ? value : encodeUtf8(String(value));
  }
  const text = value instanceof Uint8Array ? decodeUtf8(value) : String(value);
  if (column.null?.includes(text)) return null;
  switch (column.type) {
    case "string":
      return text;
    case "number":
      return readNumber(column, text);
    case "bigint":
      return readBigint(column, text);
    case "boolean":
      return text === column.format;
    case "date":
      return readDate(column, text, timeZone);
    case "strings":
      return readList(column, text, room);
    case "numbers":
      return readList(column, text, room).map((item) => readNumber(column, item));
  }
}

/** The value of a JSON `null`, for columns that may have none. */
function nullIn({ key, null: nulls }: ColumnInfo): null {
  if (nulls !== undefined) return null;
  throw new RemoteProtocolError(
    `The value of "${key}" is null. Get it with call(), which returns it as it comes.`,
    { sent: true },
  );
}

function readNumber(column: ColumnInfo, text: string): number {
  const number = Number(text);
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw unreadable(column, text, "a number");
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw unreadable(column, text, "a number below 2^53");
  }
  return number;
}

function readBigint(column: ColumnInfo, text: string): bigint {
  // Longer ones take time in proportion to the square of their length, and Dovecot's have 64 bits.
  if (!/^-?\d{1,20}$/.test(text)) throw unreadable(column, text, "an integer of 20 digits or less");
  return BigInt(text);
}

function readDate(column: ColumnInfo, text: string, timeZone: string | undefined): Date {
  if (column.format === "unix") {
    const date = new Date(readNumber(column, text) * 1000);
    if (Number.isNaN(date.getTime())) {
      throw unreadable(column, text, "a time in the range of a Date");
    }
    return date;
  }
  const date = wallClockTime(text, timeZone);
  if (date === undefined) throw unreadable(column, text, 'a date like "2026-01-05 11:30:00"');
  return date;
}

function readList(column: ColumnInfo, text: string, room: ListRoom): string[] {
  const inner = column.format === "parentheses" ? text.replace(/^\((.*)\)$/s, "$1") : text;
  const items = room.split(inner, column.format === "commas" ? "," : " ", column);
  return items.includes("") ? items.filter((item) => item !== "") : items;
}

function unreadable({ key }: ColumnInfo, text: string, wanted: string): RemoteProtocolError {
  return new RemoteProtocolError(
    `The value ${quoteText(text)} of "${key}" is not ${wanted}. Use send(), which returns it as ` +
      "it comes.",
    { sent: true },
  );
}
