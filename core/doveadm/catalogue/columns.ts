/**
 * The columns of a command's rows.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import type { ParameterValues } from "./arguments.ts";
import { existsIn, isGiven, valueOf } from "./arguments.ts";
import type { ColumnInfo, ColumnRule, DovecotVersion, FieldInfo } from "./command_info.ts";
import { fieldTables } from "./commands.ts";
import { fetchFieldFault } from "./fetch_field.ts";

/** A column as the server sends it, and its key for the caller. */
export interface ReplyColumn extends ColumnInfo {
  /** The requested field, if a more precise one is sent to the server instead: "date.received". */
  readonly asked?: string;
  /** Whether some servers of the version don't send it; see {@linkcode chooseColumns}. */
  readonly optional?: true;
}

/**
 * The columns of a command's rows, in the order of their values.
 *
 * Throws a `LocalProtocolError` for a field that the catalogue or the version lacks: for an unknown field,
 * Dovecot closes the connection without an error.
 */
export function columnsOf(
  rule: ColumnRule | undefined,
  values: ParameterValues,
  version: DovecotVersion,
): readonly ReplyColumn[] {
  switch (rule?.type) {
    case undefined:
      return [];
    case "fixed":
      return rule.columns;
    case "when":
      return isGiven(valueOf(values, rule.parameter)) ? rule.then : rule.otherwise;
    case "fields":
      return [...(hasSums(rule, values) ? [] : rule.ahead), ...fieldColumns(rule, values, version)];
  }
}

/**
 * The columns that a server actually sends: all expected ones, or only those that every server has. They
 * are chosen by the first values of the reply: as many as there are columns, or all that came.
 */
export function chooseColumns(
  columns: readonly ReplyColumn[],
  values: readonly Uint8Array[],
): readonly ReplyColumn[] {
  if (!columns.some(({ optional }) => optional)) return columns;
  const fits = values.length >= columns.length &&
    columns.every(({ format }, at) => format !== "guid" || isGuid(values[at]));
  return columns.filter(({ optional }) => fits || !optional)
    .map(({ optional: _, ...column }) => column);
}

function isGuid(value: Uint8Array): boolean {
  return value.length === 32 &&
    value.every((byte) => "0123456789abcdef".includes(String.fromCharCode(byte)));
}

/** The parameters to send: fields are replaced by more precise ones if there are any. */
export function parametersToSend(
  rule: ColumnRule | undefined,
  values: ParameterValues,
  version: DovecotVersion,
): ParameterValues {
  if (rule?.type !== "fields") return values;
  const names = valueOf(values, rule.parameter);
  if (!Array.isArray(names)) return values;
  const asked = (names as readonly string[]).map((name) =>
    name === rule.all ? name : findField(rule, name, version).askedAs ?? name
  );
  return { ...values, [rule.parameter]: asked };
}

/**
 * The keys of the values of each row where a server sends a field as often as it was asked for, in the order of
 * the values; `undefined` for other commands.
 *
 * Throws a `LocalProtocolError` if no field is asked for.
 */
export function keysAsAsked(
  rule: ColumnRule | undefined,
  values: ParameterValues,
): readonly string[] | undefined {
  if (rule?.type !== "fields" || rule.order !== "asked") return undefined;
  return [...rule.ahead.map(({ key }) => key), ...namesIn(rule, values)];
}

type FieldsRule = ColumnRule & { readonly type: "fields" };

function hasSums({ sumsIf }: FieldsRule, values: ParameterValues): boolean {
  return sumsIf !== undefined && isGiven(valueOf(values, sumsIf));
}

function fieldColumns(
  rule: FieldsRule,
  values: ParameterValues,
  version: DovecotVersion,
): ReplyColumn[] {
  const sums = hasSums(rule, values);
  const names = namesIn(rule, values);
  const table = fieldTables[rule.table];
  const fields = names.map((name) => {
    if (name === rule.all) return { name };
    const info = findField(rule, name, version);
    if (sums && !info.summable) throw withoutSum(rule, name);
    return { name, info };
  });
  if (fields.some(({ info }) => info === undefined)) {
    return table.filter((field) => existsIn(field, version) && (field.summable || !sums))
      .map((field) => ({
        ...column(field.name, field),
        ...(field.later ? { optional: true } : {}),
      }));
  }
  const columns = fields.map(({ name, info }) => ({
    at: table.indexOf(info!),
    ...column(name, info!),
  }));
  if (rule.order === "table") columns.sort((one, other) => one.at - other.at);
  return columns.map(({ at: _, ...column }) => column)
    // Dovecot returns a field of such a table once, however often it was requested.
    .filter(({ key }, at) =>
      rule.order === "asked" || columns.findIndex((other) => other.key === key) === at
    );
}

function column(name: string, info: FieldInfo): ReplyColumn {
  return {
    ...info,
    key: info.askedAs ?? name,
    ...(info.askedAs === undefined ? {} : { asked: name }),
  };
}

/** The names of the requested fields. */
function namesIn(rule: FieldsRule, values: ParameterValues): readonly string[] {
  const value = valueOf(values, rule.parameter);
  if (value === undefined) return rule.usual ?? [];
  if (Array.isArray(value)) return value as readonly string[];
  const names = String(value).split(/[ ,]/).filter((name) => name !== "");
  if (names.length > 0) return names;
  throw new LocalProtocolError(
    `"${rule.parameter}" contains no field. Leave it out for ${quotedNames(rule.usual ?? [])}.`,
  );
}

function findField(rule: FieldsRule, name: string, version: DovecotVersion): FieldInfo {
  const { table, parameter, all } = rule;
  // Of these two tables, only that of "fetch" ignores the case of names.
  const plain = table === "fetch" ? name.toLowerCase() : name;
  const field = fieldTables[table].find((field) => matches(field.name, plain));
  if (field !== undefined && existsIn(field, version)) {
    const fault = table === "fetch" ? fetchFieldFault(plain, version) : undefined;
    if (fault === undefined) return field;
    throw new LocalProtocolError(
      `There is no field ${JSON.stringify(name)} for "${parameter}": ${fault}.`,
    );
  }
  const names = fieldTables[table].filter((field) => existsIn(field, version))
    .map(({ name }) => name);
  throw new LocalProtocolError(
    field === undefined
      ? `There is no field ${JSON.stringify(name)} for "${parameter}". The fields are ` +
        `${quotedNames(all === undefined ? names : [...names, all])}.`
      : `The field "${name}" was added in Dovecot ${field.since}, and the server is ${version}.`,
  );
}

function withoutSum({ table, parameter, sumsIf }: FieldsRule, name: string): LocalProtocolError {
  const names = fieldTables[table].filter(({ summable }) => summable).map(({ name }) => name);
  return new LocalProtocolError(
    `The field "${name}" of "${parameter}" has no sum, and "${sumsIf}" is set. Fields with sums are ` +
      `${quotedNames(names)}.`,
  );
}

function quotedNames(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** Whether a name is that of a field, or of its family. */
function matches(field: string, name: string): boolean {
  const star = field.indexOf("*");
  if (star === -1) return field === name;
  const [before, after] = [field.slice(0, star), field.slice(star + 1)];
  // "body." is the whole message, like "BODY[]" in IMAP.
  const least = before.length + after.length + (before.endsWith(".") ? 0 : 1);
  return name.length >= least && name.startsWith(before) && name.endsWith(after);
}
