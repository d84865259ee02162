/**
 * Prints rows in a format.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8, escapeControls } from "@dovewire/dovewire/core";
import type { Format } from "../command_line/options.ts";
import type { Column, Row } from "../run/rows.ts";
import { isUntitled, sentenceOf, titleOf, usualFormat } from "./formats.ts";
import { printableJson } from "./printable_json.ts";
import { TablePrinter } from "./table_printer.ts";

/** Where rows are printed to. */
export interface Output {
  /** Writes bytes; resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** Writes at once what `write()` may have kept back. */
  flush(): Promise<void> | void;
  /** Whether it is a terminal, which acts on control characters. */
  readonly isTerminal: boolean;
  /** How many columns it has; `Infinity` if it is no terminal. */
  readonly width: number;
}

/** Prints rows. */
export interface Printer {
  /** Prints a row. */
  row(row: Row): Promise<void> | void;
  /** Prints at once what rows may have been kept back. */
  flush?(): Promise<void> | void;
  /** Prints what comes after the last row; `columns` are those that rows would have had, if they are known. */
  end(columns: readonly Column[] | undefined): Promise<void> | void;
}

/** Creates the printer of a format for the rows of a command; the command's own format if there is none. */
export function createPrinter(
  format: Format | undefined,
  command: string,
  output: Output,
): Printer {
  switch (format ?? usualFormat(command)) {
    case "json":
      return new JsonPrinter(output);
    case "jsonl":
      return new LinesPrinter(output, { line: (row) => encodeUtf8(`${jsonOf(row, output)}\n`) });
    case "csv":
      return new LinesPrinter(output, {
        heading: (columns) => columns.map(({ key }) => csvField(key)).join(","),
        line: ({ values }) => {
          const fields = values.map((value) => csvField(decodeUtf8(shown(value, output))));
          return encodeUtf8(`${fields.join(",")}\n`);
        },
      });
    case "tab":
      return new LinesPrinter(output, {
        heading: (columns) => tabHeading(command, columns),
        line: ({ values }) => joined(values.map((value) => shown(value, output)), "\t"),
      });
    case "flow":
      return new FlowPrinter(
        command,
        output,
        format === undefined ? sentenceOf(command) : undefined,
      );
    case "pager":
      return new PagerPrinter(command, output);
    case "table":
      return new TablePrinter(command, output);
  }
}

/** A value as it may be shown: on a terminal, without what would control it. */
export function shown(value: Uint8Array, { isTerminal }: Output): Uint8Array {
  if (!isTerminal) return value;
  const lines = decodeUtf8(value).replaceAll("\r\n", "\n").split("\n");
  return encodeUtf8(
    lines.map((line) => line.split("\t").map(escapeControls).join("\t")).join("\n"),
  );
}

/** A row as JSON, on a terminal without what would control it. */
function jsonOf(row: Row, { isTerminal }: Output): string {
  return isTerminal ? printableJson(objectOf(row)) : JSON.stringify(objectOf(row));
}

/** An object of a row's values as texts; of columns with the same name the last one counts. */
function objectOf({ columns, values }: Row): Readonly<Record<string, string>> {
  return Object.fromEntries(columns.map(({ key }, at) => [key, decodeUtf8(values[at])]));
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The titles of columns; none for a list of users, as doveadm prints it. */
function tabHeading(command: string, columns: readonly Column[]): string {
  const titles = columns.map(({ key }) => titleOf(command, key)).join("\t");
  return command === "user" && titles === "username" ? "" : titles;
}

/** One array of objects, as doveadm's: on one line. */
class JsonPrinter implements Printer {
  readonly #output: Output;
  #hasRows = false;

  constructor(output: Output) {
    this.#output = output;
  }

  row(row: Row): Promise<void> | void {
    const text = `${this.#hasRows ? "," : "["}${jsonOf(row, this.#output)}`;
    this.#hasRows = true;
    return this.#output.write(encodeUtf8(text));
  }

  end(): Promise<void> | void {
    return this.#output.write(encodeUtf8(this.#hasRows ? "]\n" : "[]\n"));
  }
}

/** What a format of lines prints. */
interface LineFormat {
  /** The line with the names of the columns, without its end; left out, or empty, for none. */
  readonly heading?: (columns: readonly Column[]) => string;
  /** The line of a row, with its end. */
  readonly line: (row: Row) => Uint8Array;
}

/** One line a row, and one with the names of the columns before them, if the format has it. */
class LinesPrinter implements Printer {
  readonly #output: Output;
  readonly #format: LineFormat;
  /** The heading that was printed last. */
  #heading = "";

  constructor(output: Output, format: LineFormat) {
    this.#output = output;
    this.#format = format;
  }

  async row(row: Row): Promise<void> {
    await this.#printHeading(row.columns);
    await this.#output.write(this.#format.line(row));
  }

  async end(columns: readonly Column[] | undefined): Promise<void> {
    if (columns !== undefined && this.#heading === "") await this.#printHeading(columns);
  }

  /** Prints the names of the columns, again only if they are others. */
  async #printHeading(columns: readonly Column[]): Promise<void> {
    const heading = this.#format.heading?.(columns) ?? "";
    if (heading === this.#heading || heading === "") return;
    this.#heading = heading;
    await this.#output.write(encodeUtf8(`${heading}\n`));
  }
}

/** One line a row: `title=value`, and the value alone where its meaning is plain; or a sentence. */
class FlowPrinter implements Printer {
  readonly #command: string;
  readonly #output: Output;
  readonly #sentence: readonly string[] | undefined;

  constructor(command: string, output: Output, sentence?: readonly string[]) {
    this.#command = command;
    this.#output = output;
    this.#sentence = sentence;
  }

  row(row: Row): Promise<void> | void {
    return this.#output.write(joined(this.#sentenceOf(row) ?? this.#partsOf(row), " "));
  }

  #partsOf({ columns, values }: Row): Uint8Array[] {
    return values.map((value, at) => {
      const { key } = columns[at];
      const text = shown(value, this.#output);
      if (isUntitled(this.#command, key)) return text;
      return concat([encodeUtf8(`${titleOf(this.#command, key)}=`), text]);
    });
  }

  /** The row as a sentence, after the server's name; `undefined` if there is none for its columns. */
  #sentenceOf({ columns, values }: Row): Uint8Array[] | undefined {
    if (this.#sentence === undefined) return undefined;
    const valueOf = (name: string) => values[columns.findIndex(({ key }) => key === name)];
    const words = this.#sentence.map((part, at) => at % 2 === 0 ? encodeUtf8(part) : valueOf(part));
    if (words.includes(undefined!)) return undefined;
    return [valueOf("server"), concat(words)]
      .filter((part) => part !== undefined)
      .map((part) => shown(part, this.#output));
  }

  end(): void {}
}

/** One line a value, and a form feed between rows; on a terminal, an empty line. */
class PagerPrinter implements Printer {
  readonly #command: string;
  readonly #output: Output;
  #hasRows = false;

  constructor(command: string, output: Output) {
    this.#command = command;
    this.#output = output;
  }

  row({ columns, values }: Row): Promise<void> | void {
    const parts = values.map((value, at) => {
      const { key } = columns[at];
      const text = shown(value, this.#output);
      const end = encodeUtf8("\n");
      if (isUntitled(this.#command, key)) return concat([text, end]);
      const title = titleOf(this.#command, key);
      // A text of several lines starts on a line of its own, and most have their last line's end.
      if (!text.includes(0x0a)) return concat([encodeUtf8(`${title}: `), text, end]);
      return concat([encodeUtf8(`${title}:\n`), text, ...(text.at(-1) === 0x0a ? [] : [end])]);
    });
    const between = this.#output.isTerminal ? "\n" : "\f\n";
    const before = this.#hasRows ? between : "";
    this.#hasRows = true;
    return this.#output.write(concat([encodeUtf8(before), ...parts]));
  }

  end(): void {}
}

/** Parts with a separator between them, and a line feed after them. */
function joined(parts: readonly Uint8Array[], separator: string): Uint8Array {
  const between = encodeUtf8(separator);
  const all = parts.flatMap((part, at) => at === 0 ? [part] : [between, part]);
  return concat([...all, encodeUtf8("\n")]);
}
