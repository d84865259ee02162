/**
 * Which columns a command's rows have.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import type { ParameterValues } from "./arguments.ts";
import { existsIn, isGiven } from "./arguments.ts";
import type { ColumnInfo, ColumnRule, DovecotVersion, FieldInfo } from "./command_info.ts";
import { fieldTables } from "./commands.ts";

/** A column as the server sends it, and the key that the caller knows it by. */
export interface ReplyColumn extends ColumnInfo {
  /** What the caller asked for, where something more exact is asked of the server: "date.received". */
  readonly asked?: string;
}

/**
 * The columns that a command's rows have, in the order of their values.
 *
 * Throws a `LocalProtocolError` for a field that the catalogue doesn't know, or the version lacks:
 * asking for one ends a connection to Dovecot without a word.
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
      return isGiven(values[rule.parameter]) ? rule.then : rule.otherwise;
    case "fields": {
      const { ahead, aheadUnless } = rule;
      const hasAhead = aheadUnless === undefined || !isGiven(values[aheadUnless]);
      return [...(hasAhead ? ahead : []), ...fieldColumns(rule, values, version)];
    }
  }
}

/** Parameters as they are to be sent: more exact fields in the place of those that have such. */
export function parametersToSend(
  rule: ColumnRule | undefined,
  values: ParameterValues,
  version: DovecotVersion,
): ParameterValues {
  if (rule?.type !== "fields" || !Array.isArray(values[rule.parameter])) return values;
  const names = values[rule.parameter] as readonly string[];
  const asked = names.map((name) => findField(rule, name, version).askedAs ?? name);
  return { ...values, [rule.parameter]: asked };
}

function fieldColumns(
  rule: ColumnRule & { type: "fields" },
  values: ParameterValues,
  version: DovecotVersion,
): ReplyColumn[] {
  const value = values[rule.parameter];
  const names = value === undefined
    ? rule.usual ?? []
    : Array.isArray(value)
    ? value as readonly string[]
    : String(value).split(/[ ,]/).filter((name) => name !== "");
  const fields = names.map((name) => ({ name, info: findField(rule, name, version) }));
  if (rule.order === "table") {
    const table = fieldTables[rule.table];
    fields.sort((one, other) => table.indexOf(one.info) - table.indexOf(other.info));
  }
  const columns = fields.map(({ name, info }) => ({
    ...info,
    key: info.askedAs ?? name,
    ...(info.askedAs === undefined ? {} : { asked: name }),
  }));
  // Dovecot gives a field of such a table once, however often it was asked for.
  return rule.order === "asked"
    ? columns
    : columns.filter(({ key }, at) => columns.findIndex((other) => other.key === key) === at);
}

function findField(
  { table, parameter }: ColumnRule & { type: "fields" },
  name: string,
  version: DovecotVersion,
): FieldInfo {
  const field = fieldTables[table].find((field) => matches(field.name, name));
  if (field !== undefined && existsIn(field, version)) return field;
  const names = fieldTables[table].filter((field) => existsIn(field, version)).map(({ name }) =>
    `"${name}"`
  );
  throw new LocalProtocolError(
    field === undefined
      ? `There is no field ${JSON.stringify(name)} for "${parameter}". There are ${
        names.join(", ")
      }.`
      : `The field "${name}" came with Dovecot ${field.since}, and the server is ${version}.`,
  );
}

/** Whether a name is a field's, or of its family. */
function matches(field: string, name: string): boolean {
  const star = field.indexOf("*");
  if (star === -1) return field === name;
  const [before, after] = [field.slice(0, star), field.slice(star + 1)];
  return name.length > before.length + after.length && name.startsWith(before) &&
    name.endsWith(after);
}
