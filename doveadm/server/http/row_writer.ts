/**
 * Writes the fields of a reply as JSON rows with titles.
 *
 * @module
 */

import {
  concat,
  decodeUtf8,
  decodeUtf8Strictly,
  encodeUtf8,
  LocalProtocolError,
} from "../../../core/mod.ts";
import { chooseColumns } from "../../../core/doveadm/catalogue/mod.ts";
import { notAReply, piecesOf } from "../answer.ts";
import type { ReplyField } from "../handler.ts";
import type { AnswerOutput } from "./answer_output.ts";
import type { TitledColumn } from "./offered_commands.ts";

/** The longest row that is kept until it is complete, in characters. */
const longestRow = 65_536;

/** Options for a {@linkcode RowWriter}. */
export interface RowWriterOptions {
  readonly command: string;
  readonly columns: readonly TitledColumn[];
  /** Why there are no columns, if they can't be known. */
  readonly fault?: Error;
  /** Whether rows have the user's name before their columns. */
  readonly hasUsers: boolean;
  /** Whether raw bytes are written as base64. */
  readonly base64: boolean;
  /** Aborts when nothing more may be written. */
  readonly signal: AbortSignal;
}

/** The rows of one command. */
export class RowWriter {
  readonly #output: AnswerOutput;
  readonly #options: RowWriterOptions;
  /** The columns that the reply has; `undefined` until its first values say that. */
  #columns: readonly TitledColumn[] | undefined;
  /** The first values, until the columns are known. */
  readonly #first: Uint8Array[] = [];
  #user = "";
  #text: string | undefined;
  /** The row that is not complete, as far as it isn't written. */
  #row = "";
  #isRowBegun = false;
  #column = 0;
  #rows = 0;

  /** Creates a writer of no rows. */
  constructor(output: AnswerOutput, options: RowWriterOptions) {
    this.#output = output;
    this.#options = options;
    const mayVary = options.columns.some(({ column }) => column?.optional);
    this.#columns = mayVary ? undefined : options.columns;
  }

  /** How many rows are complete. */
  get count(): number {
    return this.#rows;
  }

  /** Whether a part of a row is written that is not complete. */
  get isCut(): boolean {
    return this.#isRowBegun;
  }

  /** Sets the user of the rows that follow. */
  setUser(name: string): void {
    this.#user = name;
    this.#row = "";
    this.#column = 0;
  }

  /** Writes a field; resolves when there is room for more. */
  write(field: ReplyField): void | Promise<void> {
    this.#options.signal.throwIfAborted();
    if (this.#text !== undefined) {
      throw new LocalProtocolError(
        "A handler returned a field after a { text }, which has to be the whole reply. Leave one out.",
      );
    }
    if (typeof field === "string" || field instanceof Uint8Array) return this.#value(field);
    if (typeof field === "object" && field !== null && Symbol.asyncIterator in field) {
      return this.#stream(field);
    }
    if (typeof field === "object" && field !== null && "text" in field) {
      if (typeof field.text !== "string") throw notAReply(field);
      this.#text = jsonOf(field.text);
      return;
    }
    throw notAReply(field);
  }

  /** Ends the rows of a reply, or of one user. Rejects with a `LocalProtocolError` for an incomplete row. */
  async endReply(): Promise<void> {
    if (this.#first.length > 0) await this.#chooseColumns();
    if (this.#column === 0) return;
    const { command, columns } = this.#options;
    throw new LocalProtocolError(
      `A handler's reply to "${command}" ended within a row, which has ${columns.length} columns: ` +
        columns.map(({ title }) => `"${title}"`).join(", ") + ".",
    );
  }

  /** Ends the rows; with the text that is the whole reply, if it is one. */
  end(): void | Promise<void> {
    return this.#output.write(this.#text ?? (this.#rows === 0 ? "[]" : "]"));
  }

  /** Ends the rows, all of which are complete, without the one that isn't. */
  cut(): void | Promise<void> {
    this.#row = "";
    return this.#output.write(this.#rows === 0 ? "[]" : "]");
  }

  #value(value: string | Uint8Array): void | Promise<void> {
    if (this.#columns === undefined) {
      this.#first.push(typeof value === "string" ? encodeUtf8(value) : value);
      if (this.#first.length === this.#options.columns.length) return this.#chooseColumns();
      return;
    }
    const column = this.#begin(this.#columns);
    return this.#add(this.#json(column, value), true);
  }

  async #chooseColumns(): Promise<void> {
    const { columns } = this.#options;
    const replied = chooseColumns(columns.map(({ column }) => column!), this.#first);
    const keys = new Set(replied.map(({ key }) => key));
    this.#columns = columns.filter(({ column }) => keys.has(column!.key));
    for (const value of this.#first.splice(0)) await this.#value(value);
  }

  /** The JSON of a whole value. */
  #json({ isNumber, isBinary }: TitledColumn, value: string | Uint8Array): string {
    if (this.#options.base64) {
      if (isBinary) return base64Json(typeof value === "string" ? encodeUtf8(value) : value);
      const text = typeof value === "string" ? value : decodeUtf8Strictly(value);
      if (text === undefined) return base64Json(value as Uint8Array);
      value = text;
    }
    const text = typeof value === "string" ? value : decodeUtf8(value);
    return isNumber && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? text : JSON.stringify(text);
  }

  async #stream(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const gathered: Uint8Array[] = [];
    let size = 0;
    let writer: ValueWriter | undefined;
    for await (const piece of piecesOf(pieces)) {
      this.#options.signal.throwIfAborted();
      if (writer !== undefined) {
        await this.#add(writer.write(piece), false);
        continue;
      }
      gathered.push(piece.slice());
      size += piece.length;
      if (size <= longestRow) continue;
      if (this.#columns === undefined) await this.#chooseColumns();
      writer = this.#writerOf(this.#begin(this.#columns!));
      await this.#add(writer.start + writer.write(concat(gathered.splice(0))), false);
    }
    await (writer === undefined ? this.#value(concat(gathered)) : this.#add(writer.end(), true));
  }

  /** A writer for a value that is too long to be kept. */
  #writerOf({ isBinary }: TitledColumn): ValueWriter {
    return this.#options.base64 && isBinary ? new Base64Writer() : new TextWriter();
  }

  /** Begins the next value. */
  #begin(columns: readonly TitledColumn[]): TitledColumn {
    const { command, hasUsers, fault } = this.#options;
    const column = columns[this.#column];
    if (column === undefined) {
      throw fault ?? new LocalProtocolError(
        `A handler returned a value for "${command}", which has no columns. Name them in the ` +
          'command\'s description in "commands", or return none.',
      );
    }
    if (this.#column === 0) {
      const user = hasUsers ? `"username":${JSON.stringify(this.#user)},` : "";
      this.#row = `${this.#rows === 0 ? "[" : ","}{${user}`;
    } else this.#row += ",";
    this.#row += `${JSON.stringify(column.title)}:`;
    return column;
  }

  /** Adds to the value, and to the row with its last piece. */
  #add(json: string, final: boolean): void | Promise<void> {
    // It may have been aborted while a value was awaited, and the answer may be written already.
    this.#options.signal.throwIfAborted();
    this.#row += json;
    if (final && ++this.#column === this.#columns!.length) {
      this.#row += "}";
      this.#column = 0;
      this.#rows++;
      this.#isRowBegun = false;
      return this.#writeRow();
    }
    if (this.#row.length <= longestRow) return;
    this.#isRowBegun = true;
    return this.#writeRow();
  }

  #writeRow(): void | Promise<void> {
    const row = this.#row;
    this.#row = "";
    return this.#output.write(row);
  }
}

/** Writes a value piece by piece. */
interface ValueWriter {
  /** What comes before the first piece. */
  readonly start: string;
  write(piece: Uint8Array): string;
  end(): string;
}

class TextWriter implements ValueWriter {
  readonly start = '"';
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  write(piece: Uint8Array): string {
    return escaped(this.#decoder.decode(piece, { stream: true }));
  }

  end(): string {
    return `${escaped(this.#decoder.decode())}"`;
  }
}

class Base64Writer implements ValueWriter {
  readonly start = '{"base64":"';
  /** The bytes that don't fill a group of three. */
  #rest: Uint8Array = new Uint8Array(0);

  write(piece: Uint8Array): string {
    const bytes = concat([this.#rest, piece]);
    const whole = bytes.length - bytes.length % 3;
    this.#rest = bytes.slice(whole);
    return base64(bytes.subarray(0, whole));
  }

  end(): string {
    return `${base64(this.#rest)}"}`;
  }
}

/** A text as a part of a JSON string. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function base64Json(bytes: Uint8Array): string {
  return `{"base64":"${base64(bytes)}"}`;
}

/** The most arguments of a call; a multiple of three. */
const base64Piece = 24_576;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += base64Piece) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + base64Piece)));
  }
  return text;
}

/** A text that is JSON as it is, and any other as a string. */
function jsonOf(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
