/**
 * Reads the rows of a typed call from the values of its reply.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/errors.ts";
import type { DovecotVersion } from "../../core/doveadm/catalogue/mod.ts";
import type { DoveadmClientLimits } from "../../core/doveadm/mod.ts";
import type { StreamedField } from "./field_stream.ts";
import { type Row, RowReader, type TypedCall } from "./typed_call.ts";

/** Options for reading rows. */
export interface RowOptions {
  /** The version of Dovecot, known from the server's protocol. */
  readonly version: DovecotVersion;
  /** The limits of a row, or of a JSON text. */
  readonly limits: RowLimits;
}

/** The limits of rows. */
export type RowLimits = Pick<DoveadmClientLimits, "reply" | "values">;

/** How many values make a row of a call: those of its columns, or one JSON text. */
export function valuesPerRow(call: TypedCall, version: DovecotVersion): number {
  return call.info.answer === "json" ? 1 : call.replyColumnsFor(version).length;
}

/** The rows of a whole reply. Throws a `RemoteProtocolError` for invalid values. */
export function rowsOfReply(
  call: TypedCall,
  values: readonly Uint8Array[],
  { version, limits }: RowOptions,
): Row[] {
  if (call.info.answer === "json") {
    for (const value of values) checkJson(call.info.name, value, limits.values);
  }
  return call.rowsOf(values, version);
}

/**
 * The rows of a streamed reply, each as soon as it is complete. Throws a `RemoteProtocolError` for a row
 * over the limit, and, after the last row, for rows with invalid values, which are left out: if the command
 * fails, its own error is thrown instead, since Dovecot sends rows of "error" before some failures.
 */
export async function* rowsOfStream(
  call: TypedCall,
  fields: AsyncIterable<StreamedField>,
  { version, limits }: RowOptions,
): AsyncGenerator<Row, void, void> {
  const { name, answer } = call.info;
  const reader = new RowReader(call, version);
  let left = limits.reply;
  for await (const field of fields) {
    const value = await field.bytesUpTo(left, () => rowTooLarge(name, limits.reply));
    if (answer === "json") checkJson(name, value, limits.values);
    left -= value.length;
    const rows = reader.push(value);
    if (reader.isBetweenRows) left = limits.reply;
    yield* rows;
  }
  yield* reader.end();
}

function rowTooLarge(name: string, limit: number): RemoteProtocolError {
  return new RemoteProtocolError(
    `A row of "${name}" has more than ${limit} bytes. Ask for its values with stream(), or raise ` +
      '"limits.reply".',
    { limit: "reply", sent: true },
  );
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
