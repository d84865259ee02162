/**
 * The rows of a reply, with their columns, and the values as the server sent them.
 *
 * @module
 */

import type { StreamedField } from "@dovewire/dovewire";
import { concat, decodeUtf8, encodeUtf8, RemoteProtocolError } from "@dovewire/dovewire/core";
import {
  chooseColumns,
  type CommandInfo,
  type ReplyColumn,
} from "@dovewire/dovewire/core/doveadm/catalogue";
import type { VersionedCall } from "./invocation.ts";

/** A column of the output. */
export interface Column {
  /** Its name in JSON. */
  readonly key: string;
  /** Whether its values are numbers. */
  readonly isNumber: boolean;
}

/** A row: the values of its columns. */
export interface Row {
  readonly columns: readonly Column[];
  readonly values: readonly Uint8Array[];
}

/** The most bytes of a row. */
const largestRow = 1024 ** 3;

/** The columns of a text that comes without any. */
const textColumns: readonly Column[] = [{ key: "value", isNumber: false }];

/** The columns of the fields of a user. */
const fieldColumns: readonly Column[] = ["field", "value"].map((key) => ({ key, isNumber: false }));

/** The column with a user's name. */
export const userColumn: Column = { key: "username", isNumber: false };

/**
 * The columns of a command's rows before there are any: all that may come; `undefined` if they depend on the
 * rows.
 */
export function columnsBefore(
  { answer }: CommandInfo,
  call: VersionedCall,
): readonly Column[] | undefined {
  return answer === "json" || call.columns === undefined || call.columns.length === 0
    ? undefined
    : call.columns.map(columnOf);
}

/** The rows of a reply's values, each as soon as it is complete. */
export async function* rowsOfFields(
  info: CommandInfo,
  call: VersionedCall,
  fields: AsyncIterable<StreamedField>,
): AsyncGenerator<Row, void, void> {
  const assembler = new RowAssembler(info, call);
  let left = largestRow;
  for await (const field of fields) {
    const value = await readField(info.name, field, left);
    left -= value.length;
    const rows = assembler.push(value);
    if (rows.length > 0) left = largestRow;
    yield* rows;
  }
  yield* assembler.end();
}

/** The rows of a whole reply. */
export function rowsOfValues(
  info: CommandInfo,
  call: VersionedCall,
  values: readonly Uint8Array[],
): readonly Row[] {
  const assembler = new RowAssembler(info, call);
  return [...values.flatMap((value) => assembler.push(value)), ...assembler.end()];
}

/** Makes rows of values. */
class RowAssembler {
  readonly #info: CommandInfo;
  readonly #expected: readonly ReplyColumn[];
  /** The columns, as soon as they are known. */
  #columns: readonly Column[] | undefined;
  #values: Uint8Array[] = [];

  constructor(info: CommandInfo, { columns = [] }: VersionedCall) {
    this.#info = info;
    this.#expected = columns;
  }

  /** Takes a value; returns the rows that it completes. */
  push(value: Uint8Array): readonly Row[] {
    if (this.#info.answer === "json") return rowsOfUsers(value);
    if (this.#expected.length === 0) return [{ columns: textColumns, values: [value] }];
    this.#values.push(value);
    const wanted = this.#columns?.length ?? this.#expected.length;
    return this.#values.length < wanted ? [] : this.#take();
  }

  /** Returns the last rows; throws a `RemoteProtocolError` if values are left over. */
  end(): readonly Row[] {
    const rows = this.#take();
    if (this.#values.length === 0) return rows;
    throw new RemoteProtocolError(
      `"${this.#info.name}" was answered with ${this.#values.length} values that make no row. It may be ` +
        "another command on this server.",
      { sent: true },
    );
  }

  #take(): readonly Row[] {
    if (this.#values.length === 0) return [];
    const columns = this.#columns ??= chooseColumns(this.#expected, this.#values).map(columnOf);
    const rows: Row[] = [];
    while (this.#values.length >= columns.length) {
      rows.push({ columns, values: this.#values.splice(0, columns.length) });
    }
    return rows;
  }
}

function columnOf({ asked, key, type }: ReplyColumn): Column {
  return { key: asked ?? key, isNumber: type === "number" || type === "bigint" };
}

/** Reads a value; throws a `RemoteProtocolError` if it has more than `most` bytes. */
async function readField(command: string, field: StreamedField, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of field) {
    size += chunk.length;
    if (size > most) {
      throw new RemoteProtocolError(
        `A row of "${command}" has more than ${largestRow} bytes. Ask for fewer fields.`,
        { sent: true },
      );
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : concat(chunks);
}

/** The names in the answer to `user` with a mask. */
export function userNamesIn(answer: string): readonly string[] {
  const { userList } = parseUsers(answer);
  if (Array.isArray(userList) && userList.every((name) => typeof name === "string")) {
    return userList;
  }
  throw unexpectedUsers("no list of names");
}

/** The rows of the JSON text that `user` is answered with: names, or a user's fields one by one. */
function rowsOfUsers(text: Uint8Array): readonly Row[] {
  const answer = parseUsers(decodeUtf8(text));
  if (Object.hasOwn(answer, "userList")) {
    return userNamesIn(decodeUtf8(text)).map((name) => ({
      ...{ columns: [userColumn], values: [encodeUtf8(name)] },
    }));
  }
  const users = Object.entries(answer);
  const columns = users.length === 1 ? fieldColumns : [userColumn, ...fieldColumns];
  return users.flatMap(([user, fields]) =>
    Object.entries(fields ?? {}).map(([field, value]) => {
      const texts = [field, typeof value === "string" ? value : JSON.stringify(value)];
      return { columns, values: (users.length === 1 ? texts : [user, ...texts]).map(encodeUtf8) };
    })
  );
}

function parseUsers(text: string): Readonly<Record<string, unknown>> {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // The runtime's own error quotes the text, which may contain anything.
    throw unexpectedUsers("it is not JSON");
  }
  if (typeof answer === "object" && answer !== null) return answer as Record<string, unknown>;
  throw unexpectedUsers("no object");
}

function unexpectedUsers(what: string): RemoteProtocolError {
  return new RemoteProtocolError(`"user" was answered with wrong JSON: ${what}`, { sent: true });
}

/** A row with the column of a server's or a user's name before the others. */
export function withColumn(column: Column, value: string, { columns, values }: Row): Row {
  return { columns: [column, ...columns], values: [encodeUtf8(value), ...values] };
}
