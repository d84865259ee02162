/**
 * Makes rows of the text of their values.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/errors.ts";
import type { ReplyColumn } from "../../core/doveadm/catalogue/mod.ts";
import { tabUnescape } from "../../core/doveadm/tab_escape.ts";
import type { Row } from "./typed_call.ts";
import { type ListRoom, readValue, type Value, type ValueOptions } from "./values.ts";

/** A column, and what is the same for each of its values. */
interface Cell {
  readonly key: string;
  readonly column: ReplyColumn;
  /** What a value is made of that has nothing but digits; `undefined` if those need a closer look as well. */
  readonly digits: "number" | "seconds" | undefined;
}

/** Makes rows value by value, without a list of the values in between. */
export class RowMaker {
  readonly #cells: readonly Cell[];
  readonly #room: ListRoom;
  readonly #options: ValueOptions;
  /** The row that isn't whole yet, and the index of its next value. */
  #row: Row = {};
  #next = 0;
  #isRowValid = true;
  #invalid: RemoteProtocolError | undefined;

  /** Creates a maker of rows with one column or more; the room is for the lists in all of them. */
  constructor(columns: readonly ReplyColumn[], room: ListRoom, options: ValueOptions) {
    this.#cells = columns.map(cellOf);
    this.#room = room;
    this.#options = options;
  }

  /** How many values of a row that isn't whole were taken. */
  get values(): number {
    return this.#next;
  }

  /** The error of the first row with an invalid value. */
  get invalid(): RemoteProtocolError | undefined {
    return this.#invalid;
  }

  /**
   * Takes values, escaped and each with a TAB after it, and appends the rows that they complete to `rows`. Those
   * with invalid values are left out.
   */
  push(text: string, rows: Row[]): void {
    const isEscaped = text.includes("\x01");
    for (let at = 0; at < text.length;) {
      at = this.#readRow(isEscaped, text, at);
      if (this.#next < this.#cells.length) return;
      if (this.#isRowValid) rows.push(this.#row);
      this.#row = {};
      this.#next = 0;
      this.#isRowValid = true;
    }
  }

  /**
   * Reads values up to the end of a row, or of the text, and returns where that is. A function of its own, with all
   * that changes in variables: V8 runs it several times as fast as one loop over all values and fields.
   */
  #readRow(isEscaped: boolean, text: string, start: number): number {
    const cells = this.#cells;
    const row = this.#row;
    let next = this.#next;
    let at = start;
    while (next < cells.length && at < text.length) {
      const cell = cells[next++];
      const end = text.indexOf("\t", at);
      const number = cell.digits === undefined ? -1 : numberIn(text, at, end);
      if (number === -1) {
        const value = text.substring(at, end);
        row[cell.key] = this.#read(cell.column, isEscaped ? tabUnescape(value) : value);
      } else row[cell.key] = cell.digits === "number" ? number : new Date(number * 1000);
      at = end + 1;
    }
    this.#next = next;
    return at;
  }

  /** Reads a value; `null` for an invalid one, which spoils its row. */
  #read(column: ReplyColumn, value: string): Value {
    try {
      return readValue(column, value, this.#room, this.#options);
    } catch (error) {
      if (!(error instanceof RemoteProtocolError)) throw error;
      this.#invalid ??= error;
      this.#isRowValid = false;
      return null;
    }
  }
}

function cellOf(column: ReplyColumn): Cell {
  return { key: column.asked ?? column.key, column, digits: digitsOf(column) };
}

function digitsOf({ type, format, null: nulls = [] }: ReplyColumn): Cell["digits"] {
  const digits = type === "number"
    ? "number"
    : type === "date" && format === "unix"
    ? "seconds"
    : undefined;
  const isPlain = digits !== undefined &&
    !nulls.some((text) => numberIn(text, 0, text.length) !== -1);
  return isPlain ? digits : undefined;
}

/** The most digits of which every number is exact, and the most seconds in the range of a `Date`. */
const mostDigits = 12;

/** The number that `text[start..end)` is, or -1 if it isn't a few digits and nothing else. */
function numberIn(text: string, start: number, end: number): number {
  if (end === start || end - start > mostDigits) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
