/**
 * Reads the rows of a streamed reply.
 *
 * @module
 */

import { concat, GatheredBytes } from "../../core/bytes.ts";
import { RemoteProtocolError } from "../../core/errors.ts";
import {
  chooseColumns,
  type DovecotVersion,
  type ReplyColumn,
} from "../../core/doveadm/catalogue/mod.ts";
import { splitInPlace, textsOf } from "../../core/doveadm/tab_escape.ts";
import type { RowMaker } from "./row_maker.ts";
import { type RowLimits, rowTooLarge } from "./row_size.ts";
import type { Row, TypedCall } from "./typed_call.ts";
import { ListRoom } from "./values.ts";

const TAB = 0x09;
const tab = Uint8Array.of(TAB);

/** Options for a {@linkcode RowReader}. */
export interface RowReaderOptions {
  /** The version of Dovecot. */
  readonly version: DovecotVersion;
  /** The most bytes that a row may have on the wire, and the most items in the lists of rows read at once. */
  readonly limits: RowLimits;
}

/**
 * Reads rows from the values of a reply as they are on the wire, in pieces that may be cut anywhere. It does so in
 * two steps, so that rows can wait as bytes between them: {@linkcode cut} finds the rows that are whole, and
 * {@linkcode read} makes them.
 */
export class RowReader {
  readonly #call: TypedCall;
  readonly #limit: number;
  readonly #room: ListRoom;
  /** The columns; before the first row is whole, those that some servers lack are among them. */
  #columns: readonly ReplyColumn[];
  #areColumnsKnown: boolean;
  /** The bytes of the row that isn't whole, and how many values have ended in it. */
  #rest = new GatheredBytes();
  #values = 0;
  /** Makes rows, as soon as the columns are known. */
  #maker: RowMaker | undefined;
  /** The error of the first row with an invalid value. */
  #invalid: RemoteProtocolError | undefined;

  /** Creates a reader for the reply to a call. */
  constructor(call: TypedCall, { version, limits }: RowReaderOptions) {
    this.#call = call;
    this.#limit = limits.reply;
    this.#room = new ListRoom(limits.values);
    this.#columns = call.replyColumnsFor(version);
    this.#areColumnsKnown = !this.#columns.some(({ optional }) => optional);
  }

  /**
   * Takes the next bytes of the values; returns the bytes of the rows that they complete, if they complete
   * any. Throws a `RemoteProtocolError` for a row over the limit, and for values of a command without rows.
   */
  cut(piece: Uint8Array): Uint8Array | undefined {
    if (piece.length === 0) return undefined;
    const columns = this.#columns.length;
    if (columns === 0) throw this.#call.wrongCount(1, 0);
    let values = this.#values;
    let size = this.#rest.size;
    let rowStart = 0;
    for (let at = 0; at < piece.length; at++) {
      if (piece[at] !== TAB || ++values < columns) continue;
      if (size + at + 1 - rowStart > this.#limit) throw this.#tooLarge();
      if (!this.#areColumnsKnown) return this.#cutFirst(piece, at + 1);
      rowStart = at + 1;
      size = values = 0;
    }
    if (size + piece.length - rowStart > this.#limit) throw this.#tooLarge();
    const whole = rowStart === 0 ? undefined : this.#withRest(piece, rowStart);
    this.#rest.push(piece, rowStart, piece.length);
    this.#values = values;
    return whole;
  }

  /** Cuts a piece again after its first values have told the columns. */
  #cutFirst(piece: Uint8Array, end: number): Uint8Array | undefined {
    const bytes = this.#withRest(piece, piece.length);
    this.#learnColumns(bytes.slice(0, bytes.length - (piece.length - end)));
    return this.cut(bytes);
  }

  /** Learns the columns from the first values. */
  #learnColumns(bytes: Uint8Array): void {
    this.#columns = chooseColumns(this.#columns, splitInPlace(bytes));
    this.#areColumnsKnown = true;
    this.#values = 0;
  }

  /** The bytes that aren't of a whole row yet, and `piece[0..end)` after them. */
  #withRest(piece: Uint8Array, end: number): Uint8Array {
    if (this.#rest.size === 0) return piece.subarray(0, end);
    this.#rest.push(piece, 0, end);
    return this.#rest.take();
  }

  /** Makes the rows of bytes that {@linkcode cut} returned; those with invalid values are left out. */
  read(whole: Uint8Array): Row[] {
    const rows: Row[] = [];
    this.#room.clear();
    if (this.#columns.some(({ type }) => type === "bytes")) this.#readBytes(whole, rows);
    else {
      this.#maker ??= this.#call.rowMaker(this.#columns, this.#room);
      for (const text of textsOf(whole)) this.#maker.push(text, rows);
      this.#invalid ??= this.#maker.invalid;
    }
    return rows;
  }

  /** Makes rows with values that aren't text. */
  #readBytes(whole: Uint8Array, rows: Row[]): void {
    const columns = this.#columns;
    const values = splitInPlace(new Uint8Array(whole));
    for (let at = 0; at < values.length; at += columns.length) {
      try {
        rows.push(this.#call.rowOf(columns, values.slice(at, at + columns.length), this.#room));
      } catch (error) {
        if (!(error instanceof RemoteProtocolError)) throw error;
        this.#invalid ??= error;
      }
    }
  }

  /**
   * Takes the end of the values; returns the bytes of the last row if only its last TAB was missing. Throws a
   * `RemoteProtocolError` for values that make no row.
   */
  end(): Uint8Array | undefined {
    const rest = this.#rest.take();
    const bytes = rest.length === 0 || rest[rest.length - 1] === TAB ? rest : concat([rest, tab]);
    if (!this.#areColumnsKnown) this.#learnColumns(bytes.slice());
    this.#values = 0;
    const last = bytes.length === 0 ? undefined : this.cut(bytes);
    if (this.#values === 0) return last;
    throw this.#call.wrongCount(this.#values, this.#columns.length);
  }

  /** Throws a `RemoteProtocolError` if a row was left out. */
  check(): void {
    if (this.#invalid !== undefined) throw this.#invalid;
  }

  #tooLarge(): RemoteProtocolError {
    return rowTooLarge(this.#call.info.name, this.#limit);
  }
}
