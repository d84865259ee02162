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

/** The least width to which a column is cut on a terminal. */
const narrowest = 6;

/** Prints rows as a table; on a terminal, values are cut so that each row fits on a line. */
export class TablePrinter implements Printer {
  readonly #command: string;
  readonly #output: Output;
  #columns: readonly Column[] | undefined;
  /** The rows from which the widths are to be measured; `undefined` when they are known. */
  #first: string[][] | undefined = [];
  #widths: readonly number[] = [];

  /** Prints the rows of a command. */
  constructor(command: string, output: Output) {
    this.#command = command;
    this.#output = output;
  }

  async row({ columns, values }: Row): Promise<void> {
    if (this.#columns !== undefined && !haveSameKeys(this.#columns, columns)) {
      await this.#flush();
      this.#first = [];
    }
    this.#columns = columns;
    const texts = values.map((value) => escapeControls(decodeUtf8(value)));
    if (this.#first === undefined) return await this.#output.write(encodeUtf8(this.#line(texts)));
    this.#first.push(texts);
    if (this.#first.length >= sample) await this.#flush();
  }

  async end(columns: readonly Column[] | undefined): Promise<void> {
    this.#columns ??= columns;
    await this.#flush();
  }

  /** Prints the titles and the first rows, in columns as wide as they need. */
  #flush(): Promise<void> | void {
    const rows = this.#first;
    if (this.#columns === undefined || rows === undefined) return;
    this.#first = undefined;
    const titles = this.#columns.map(({ key }) => titleOf(this.#command, key));
    const lines = [titles, ...rows];
    const widths = titles.map((_, at) =>
      lines.reduce((most, line) => Math.max(most, stringWidth(line[at])), 0)
    );
    this.#widths = fit(widths, this.#output.width);
    return this.#output.write(encodeUtf8(lines.map((line) => this.#line(line)).join("")));
  }

  #line(texts: readonly string[]): string {
    const cells = texts.map((text, at) => {
      const width = this.#widths[at];
      const isLast = at === texts.length - 1;
      const cut = this.#output.isTerminal ? cutTo(text, width) : text;
      const room = " ".repeat(Math.max(0, width - stringWidth(cut)));
      if (this.#columns![at].isNumber) return room + cut;
      return isLast ? cut : cut + room;
    });
    return `${cells.join(" ")}\n`;
  }
}

function haveSameKeys(one: readonly Column[], other: readonly Column[]): boolean {
  return one === other || one.length === other.length &&
      one.every(({ key }, at) => key === other[at].key);
}

/** Widths that fit into a line: the widest columns are narrowed first. */
export function fit(widths: readonly number[], line: number): readonly number[] {
  const fitting = [...widths];
  let excess = fitting.reduce((sum, width) => sum + width + 1, -1) - line;
  while (excess > 0) {
    const widest = fitting.indexOf(Math.max(...fitting));
    if (fitting[widest] <= narrowest) break;
    const next = Math.max(narrowest, ...fitting.filter((width) => width < fitting[widest]));
    const take = Math.max(1, Math.min(excess, fitting[widest] - next));
    fitting[widest] -= take;
    excess -= take;
  }
  return fitting;
}

/** A text cut to a width, with "…" at its end if something is missing. */
export function cutTo(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = "";
  let used = 0;
  for (const sign of text) {
    used += stringWidth(sign);
    if (used > width - 1) break;
    cut += sign;
  }
  return `${cut}…`;
}
