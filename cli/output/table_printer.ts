/**
 * Prints rows as a table with aligned columns.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8, escapeControls } from "@dovewire/dovewire/core";
import stringWidth from "string-width";
import type { Column, Row } from "../run/rows.ts";
import { titleOf } from "./formats.ts";
import type { Output, Printer } from "./printer.ts";

/** How many rows decide the widths of the columns: later ones are printed as they come. */
const sample = 1000;

/** How many characters their values may have: what decides the widths is kept in memory. */
const sampleSize = 16 * 1_048_576;

/** The least width to which a column is cut on a terminal. */
const narrowest = 6;

/** The greatest width that a column gets: a longer value stands whole in its row, and widens no other one. */
const widest = 1000;

/** How many characters a terminal's column may have at most: signs without a width could go on for ever. */
const charactersPerColumn = 8;

/** Prints rows as a table; on a terminal, values are cut so that each row fits on a line. */
export class TablePrinter implements Printer {
  readonly #command: string;
  readonly #output: Output;
  #columns: readonly Column[] | undefined;
  /** The rows from which the widths are to be measured; `undefined` when they are known. */
  #first: string[][] | undefined = [];
  #firstSize = 0;
  #widths: readonly number[] = [];

  /** Prints the rows of a command. */
  constructor(command: string, output: Output) {
    this.#command = command;
    this.#output = output;
  }

  async row({ columns, values }: Row): Promise<void> {
    if (this.#columns !== undefined && !haveSameKeys(this.#columns, columns)) {
      await this.flush();
      this.#first = [];
      this.#firstSize = 0;
    }
    this.#columns = columns;
    const { width } = this.#output;
    const texts = values.map((value) => printableBeginning(decodeUtf8(value), width));
    if (this.#first === undefined) return await this.#output.write(encodeUtf8(this.#line(texts)));
    this.#first.push(texts);
    this.#firstSize += texts.reduce((size, { length }) => size + length, 0);
    if (this.#first.length >= sample || this.#firstSize >= sampleSize) await this.flush();
  }

  async end(columns: readonly Column[] | undefined): Promise<void> {
    this.#columns ??= columns;
    await this.flush();
  }

  /** Prints the titles and the first rows, in columns as wide as they need. */
  flush(): Promise<void> | void {
    const rows = this.#first;
    if (this.#columns === undefined || rows === undefined) return;
    this.#first = undefined;
    const titles = this.#columns.map(({ key }) => titleOf(this.#command, key));
    const lines = [titles, ...rows];
    this.#widths = widthsOf(lines, this.#output.width);
    return this.#output.write(encodeUtf8(lines.map((line) => this.#line(line)).join("")));
  }

  #line(texts: readonly string[]): string {
    const numbers = this.#columns!.map(({ isNumber }) => isNumber);
    return `${alignedLine(texts, numbers, this.#widths, this.#output.isTerminal)}\n`;
  }
}

/** The widths of the columns of some lines, so that each fits into `width`. */
export function widthsOf(lines: readonly (readonly string[])[], width: number): readonly number[] {
  const widths = lines[0].map((_, at) =>
    Math.min(widest, lines.reduce((most, line) => Math.max(most, widthOf(line[at])), 0))
  );
  return fit(widths, width);
}

/** Texts in columns: numbers to the right, the others to the left, and cut if they have to fit. */
export function alignedLine(
  texts: readonly string[],
  numbers: readonly boolean[],
  widths: readonly number[],
  isCut: boolean,
): string {
  const cells = texts.map((text, at) => {
    const cut = isCut ? cutTo(text, widths[at]) : text;
    const room = " ".repeat(Math.max(0, widths[at] - widthOf(cut)));
    if (numbers[at]) return room + cut;
    return at === texts.length - 1 ? cut : cut + room;
  });
  return cells.join(" ");
}

function haveSameKeys(one: readonly Column[], other: readonly Column[]): boolean {
  return one === other || one.length === other.length &&
      one.every(({ key }, at) => key === other[at].key);
}

/** Widths that fit into a line: no column is wider than the widest that all can be. */
export function fit(widths: readonly number[], line: number): readonly number[] {
  const isRoomy = (most: number) =>
    widths.reduce((sum, width) => sum + Math.min(width, most) + 1, -1) <= line;
  if (isRoomy(Infinity)) return widths;
  let [least, most] = [narrowest, Math.max(narrowest, line)];
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (isRoomy(middle)) least = middle;
    else most = middle - 1;
  }
  return widths.map((width) => Math.min(width, least));
}

/** How many columns of a terminal a text takes; of one that is wider than any column, at least so many. */
function widthOf(text: string): number {
  const measured = text.slice(0, widest * charactersPerColumn);
  // The library takes a hundred times as long.
  return /^[ -~]*$/.test(measured) ? measured.length : stringWidth(measured);
}

/**
 * A text without what would control a terminal; of one that is longer than fits into `width` columns only the
 * beginning, and a little more, so that it is known to be cut.
 */
export function printableBeginning(text: string, width: number): string {
  return escapeControls(text.slice(0, width * charactersPerColumn + 1));
}

/** A text cut to a width, with "…" at its end if something is missing. */
export function cutTo(text: string, width: number): string {
  const longest = width * charactersPerColumn;
  if (text.length <= longest && widthOf(text) <= width) return text;
  let cut = "";
  let used = 0;
  for (const sign of text) {
    used += widthOf(sign);
    if (used > width - 1 || cut.length + sign.length > longest) break;
    cut += sign;
  }
  return `${cut}…`;
}
