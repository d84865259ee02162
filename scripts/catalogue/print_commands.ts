/**
 * Prints commands.ts: the data that programs use at run time.
 *
 * @module
 */

import type { FieldTable } from "../../core/doveadm/catalogue/command_info.ts";
import type { Facts } from "./facts.ts";
import { mailParameters, type MergedCommand, type MergedParameter, mergeFields } from "./merge.ts";
import { block, fileHead, literal } from "./source_text.ts";

/** The source of commands.ts. */
export function printCommands(commands: readonly MergedCommand[], facts: Facts): string {
  const mail = mailParameters(commands, facts);
  const tables = (Object.keys(facts.fields) as FieldTable[]).map((table) => {
    const fields = mergeFields(facts, table).map((field) => `${literal(field)},\n`);
    return `${table}: ${block("[", fields, "]")},\n`;
  });
  const entries = commands.map((command) => printCommand(command, mail));
  return `${fileHead("All commands of Dovecot's servers, as data.")}
import type { CommandInfo, FieldInfo, FieldTable, ParameterInfo } from "./command_info.ts";
import type { DoveadmCommandName } from "./signatures.ts";

/** The parameters that every command on mail has. */
const mail: readonly ParameterInfo[] = ${block("[", mail.map(printParameter), "]")};

/** The fields that callers may ask for, in the servers' order where that is fixed. */
export const fieldTables: Readonly<Record<FieldTable, readonly FieldInfo[]>> = ${
    block("{", tables, "}")
  };

/** The commands by their names. */
export const commands: Readonly<Record<DoveadmCommandName, CommandInfo>> = ${
    block("{", entries, "}")
  };
`;
}

function printCommand(
  { info, parameters }: MergedCommand,
  mail: readonly MergedParameter[],
): string {
  const { columns, ...rest } = info;
  const members = Object.entries(rest).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${literal(value)},\n`);
  const hasCommon = mail.every(({ name }) => parameters.some((own) => own.name === name));
  const common = info.mail && hasCommon ? mail : [];
  const own = parameters.filter(({ name }) => !common.some((other) => other.name === name));
  const items = [...(common.length > 0 ? ["...mail,\n"] : []), ...own.map(printParameter)];
  const rules = Object.entries(columns).map(([version, rule]) =>
    `${literal(version)}: ${literal(rule)},\n`
  );
  members.push(`parameters: ${block("[", items, "]")},\n`, `columns: ${block("{", rules, "}")},\n`);
  return `${literal(info.name)}: ${block("{", members, "}")},\n`;
}

/** A parameter's entry without its meaning, which is only documentation. */
function printParameter({ meaning: _, ...parameter }: MergedParameter): string {
  return `${literal(parameter)},\n`;
}
