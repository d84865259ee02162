/**
 * Reads the rows of a typed call from the values of its reply.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/errors.ts";
import type { DovecotVersion } from "../../core/doveadm/catalogue/mod.ts";
import { splitInPlace, textsOf } from "../../core/doveadm/tab_escape.ts";
import type { StreamedField } from "./field_stream.ts";
import { RowReader } from "./row_reader.ts";
import { type RowLimits, rowTooLarge } from "./row_size.ts";
import type { Row, TypedCall } from "./typed_call.ts";
import { ListRoom } from "./values.ts";

/** Options for reading rows. */
export interface RowOptions {
  /** The version of Dovecot, known from the server's protocol. */
  readonly version: DovecotVersion;
  /** The limits of a row, or of a JSON text. */
  readonly limits: RowLimits;
}

/** The rows of a reply whose values are escaped. Throws a `RemoteProtocolError` for invalid values. */
export function rowsOfReply(
  call: TypedCall,
  escaped: Uint8Array,
  { version, limits }: RowOptions,
): Row[] {
  if (call.info.answer === "json") {
    return splitInPlace(new Uint8Array(escaped)).flatMap((value) =>
      rowsOfJson(call, value, limits)
    );
  }
  return rowsOfTexts(call, escaped, { version, limits }) ??
    rowsOfValues(call, escaped, { version, limits });
}

/**
 * The rows of a reply in the least steps; `undefined` if it takes more to read them: values that are bytes, columns that
 * some servers lack, or values that make no rows.
 */
function rowsOfTexts(
  call: TypedCall,
  escaped: Uint8Array,
  { version, limits: { values } }: RowOptions,
): Row[] | undefined {
  const rows: Row[] = [];
  if (escaped.length === 0) return rows;
  const columns = call.replyColumnsFor(version);
  if (columns.length === 0) return undefined;
  for (const { type, optional } of columns) if (optional || type === "bytes") return undefined;
  const maker = call.rowMaker(columns, new ListRoom(values));
  for (const text of textsOf(escaped)) maker.push(text.endsWith("\t") ? text : `${text}\t`, rows);
  if (maker.values > 0) return undefined;
  if (maker.invalid !== undefined) throw maker.invalid;
  return rows;
}

/** The rows of a reply whose values may be of any kind. */
function rowsOfValues(
  call: TypedCall,
  escaped: Uint8Array,
  { version, limits: { values } }: RowOptions,
): Row[] {
  const reader = new RowReader(call, { version, limits: { reply: Infinity, values } });
  const whole = reader.cut(escaped);
  const last = reader.end();
  const rows = whole === undefined ? [] : reader.read(whole);
  if (last !== undefined) rows.push(...reader.read(last));
  reader.check();
  return rows;
}

/**
 * The rows of a reply that is streamed escaped, as soon as they are complete: `pieces` are what a reader has
 * cut. After the last row it throws a `RemoteProtocolError` for rows with invalid values, which are left out:
 * if the command fails, its own error is thrown instead, since Dovecot sends rows of "error" before some
 * failures.
 */
export async function* rowsOfPieces(
  reader: RowReader,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Row[], void, void> {
  for await (const piece of pieces) {
    const rows = reader.read(piece);
    if (rows.length > 0) yield rows;
  }
  reader.check();
  const last = reader.end();
  if (last !== undefined) yield reader.read(last);
  reader.check();
}

/** The rows of a streamed reply that is JSON. Throws a `RemoteProtocolError` for one over the limit. */
export async function* rowsOfJsonStream(
  call: TypedCall,
  fields: AsyncIterable<StreamedField>,
  limits: RowLimits,
): AsyncGenerator<readonly Row[], void, void> {
  const { name } = call.info;
  for await (const field of fields) {
    const value = await field.bytesUpTo(limits.reply, () => rowTooLarge(name, limits.reply));
    const rows = rowsOfJson(call, value, limits);
    if (rows.length > 0) yield rows;
  }
}

function rowsOfJson(call: TypedCall, value: Uint8Array, limits: RowLimits): Row[] {
  checkJson(call.info.name, value, limits.values);
  return call.rowsOfJson(value);
}

/** The JSON characters that can start a value: `{`, `[` and `,`. */
const jsonSigns = new Set([0x7b, 0x5b, 0x2c]);

/** Throws for a JSON text with more values than a reply may have. */
function checkJson(name: string, text: Uint8Array, limit: number): void {
  if (text.length <= limit) return;
  let values = 0;
  for (const byte of text) if (jsonSigns.has(byte)) values++;
  if (values > limit) throw tooManyValues(name, limit);
}

function tooManyValues(name: string, limit: number): RemoteProtocolError {
  return new RemoteProtocolError(
    `The answer to "${name}" has more than ${limit} values. Ask for less at once, take its rows one ` +
      'by one with rows(), or raise "limits.values".',
    { limit: "values", sent: true },
  );
}
