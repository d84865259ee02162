/**
 * Prints signatures.ts: the types that compilers and editors use.
 *
 * @module
 */

import { userParameters } from "../../core/doveadm/catalogue/arguments.ts";
import type { FieldTable, Lifetime } from "../../core/doveadm/catalogue/command_info.ts";
import type { ColumnFacts, ColumnsFacts, CommandFacts, Facts, ValueFacts } from "./facts.ts";
import { mailParameters, type MergedCommand, type MergedParameter, versions } from "./merge.ts";
import { block, docComment, fileHead, literal, propertyKey } from "./source_text.ts";

/** The source of signatures.ts. */
export function printSignatures(commands: readonly MergedCommand[], facts: Facts): string {
  const mail = mailParameters(commands, facts);
  // The types of the parameters that select users are written by hand.
  const common = mail.filter(({ name }) => !userParameters.has(name));
  const parameters = commands.map((command) => printParameters(command, mail));
  const rows = commands.map(({ info, facts }) => {
    const row = printRow(facts);
    const about = row === "never"
      ? `\`${info.name}\` returns no rows.`
      : `A row of \`${info.name}\`.`;
    return `${docComment(about)}${literal(info.name)}: ${row};\n`;
  });
  return `${fileHead("The parameters and rows of all commands of Dovecot's servers, as types.")}
import type { Asked, AskedInText, AskedOrAll, CommandInput, Nothing, UserChoice, When } from "./call_types.ts";

/** The parameters of all commands on mail, except those that select users. */
export interface MailParameters ${block("{", common.map((it) => printParameter(it)), "}")}

${(Object.keys(fieldTypes) as FieldTable[]).map((table) => printFields(facts, table)).join("")}\
/** The commands' parameters. */
export interface DoveadmParametersByName ${block("{", parameters, "}")}

/** The rows of each command for given parameters, without the user's name. */
export interface DoveadmRowsByName<Parameters> ${block("{", rows, "}")}

/** The names of all commands. */
export type DoveadmCommandName = keyof DoveadmParametersByName;
`;
}

/** The prefix of the types of a table's fields, and their command. */
const fieldTypes: Readonly<
  Record<FieldTable, { readonly type: string; readonly command: string }>
> = {
  fetch: { type: "FetchField", command: "fetch" },
  mailboxStatus: { type: "MailboxStatusField", command: "mailbox status" },
  statsDump: { type: "StatsDumpField", command: "stats dump" },
};

/** The types of a table's fields: those with fixed names, and the families. */
function printFields(facts: Facts, table: FieldTable): string {
  const fields = Object.entries(facts.fields[table]).map(([name, field]) => {
    const came = field.since === undefined ? [] : [`Since ${field.since}.`];
    const about = docComment([field.meaning ?? "", ...came].join(" ").trim());
    const isFamily = name.includes("*");
    const key = isFamily ? `[name: \`${name.replaceAll("*", "${string}")}\`]` : propertyKey(name);
    return { isFamily, text: `${about}${key}: ${valueType(field)};\n` };
  });
  const members = (areFamilies: boolean) =>
    fields.filter((it) => it.isFamily === areFamilies).map(({ text }) => text);
  const { type, command } = fieldTypes[table];
  const families = members(true);
  return `/** The fields of \`${command}\` with fixed names. */
export interface ${type}s ${block("{", members(false), "}")}

/** The fields of \`${command}\` whose names follow a pattern. */
export ${
    families.length === 0
      ? `type ${type}Families = Nothing;`
      : `interface ${type}Families ${block("{", families, "}")}`
  }

${printAllFields(facts, table)}`;
}

/** The types of the fields that "all" selects; "" for a table whose fields have no sums. */
function printAllFields(facts: Facts, table: FieldTable): string {
  const fields = Object.entries(facts.fields[table]);
  const named = (has: "summable" | "later") =>
    fields.filter(([, field]) => field[has]).map(([name]) => literal(name)).join(" | ");
  const [sums, later] = [named("summable"), named("later")];
  if (sums === "") return "";
  const { type, command } = fieldTypes[table];
  return `/** The fields of \`${command}\` that "all" selects; those that not all servers have are optional. */
export type All${type}s = Omit<${type}s, ${later}> & Partial<Pick<${type}s, ${later}>>;

/** The fields of \`${command}\` that "all" selects for sums. */
export type ${type}Sums = Pick<${type}s, ${sums}>;

`;
}

function printParameters(
  { info, facts, parameters }: MergedCommand,
  mail: readonly MergedParameter[],
): string {
  const common = info.mail ? mail : [];
  const own = parameters.filter(({ name }) => !common.some((other) => other.name === name));
  const members = own.map((parameter) => printParameter(parameter, facts));
  const types = [
    ...(info.mail ? ["UserChoice", "MailParameters"] : own.length === 0 ? ["Nothing"] : []),
    ...(own.length > 0 ? [block("{", members, "}")] : []),
  ];
  const about = [info.summary, lifetime(info), facts.note].filter((it) => it !== undefined);
  return `${docComment(about.join(" "))}${literal(info.name)}: ${types.join(" & ")};\n`;
}

function printParameter(parameter: MergedParameter, command?: CommandFacts): string {
  const { name, type, required, implied, meaning } = parameter;
  const about = [meaning, lifetime(parameter)].filter((it) => it !== undefined).join(" ");
  // A parameter that a version lacks is optional in the type; the call checks the server's version.
  const isNeeded = required && lifetime(parameter) === undefined;
  const valueType = command?.input === name
    ? "CommandInput"
    : implied !== undefined
    ? literal(implied.value)
    : type === "integer"
    ? "number | bigint"
    : type === "array"
    ? `readonly ${fieldNames(command, name) ?? "string"}[]`
    : type;
  return `${docComment(about)}readonly ${name}${isNeeded ? "" : "?"}: ${valueType};\n`;
}

/** The type of the field names in an array; `undefined` for other arrays. */
function fieldNames(command: CommandFacts | undefined, parameter: string): string | undefined {
  for (const rule of rulesOf(command?.columns)) {
    if (!("fields" in rule) || rule.parameter !== parameter) continue;
    const { type } = fieldTypes[rule.fields];
    const all = rule.all === undefined ? "" : ` | ${literal(rule.all)}`;
    return `(keyof ${type}s | keyof ${type}Families${all})`;
  }
}

function printRow({ answer, columns }: CommandFacts): string {
  if (answer === "json") return "{ username: string; [field: string]: string }";
  const rules = rulesOf(columns);
  const [first] = rules;
  if (first === undefined || answer === "nothing") return "never";
  if ("fields" in first) return printAskedRow(first);
  if (!("when" in first)) return printColumns(rules as readonly (readonly ColumnFacts[])[]);
  const all = rules.filter((rule) => "when" in rule);
  const then = printColumns(all.map(({ then }) => then));
  const otherwise = printColumns(all.map(({ otherwise }) => otherwise));
  return `When<Parameters, ${literal(first.when)}, ${then}, ${otherwise}>`;
}

function printAskedRow(
  { fields, parameter, ahead, sumsIf, all, usual }: Extract<
    ColumnsFacts,
    { readonly fields: FieldTable }
  >,
): string {
  const { type } = fieldTypes[fields];
  const from = `Parameters, ${literal(parameter)}, ${type}s, ${type}Families`;
  const asked = usual !== undefined
    ? `AskedInText<${from}, ${usual.map(literal).join(" | ")}>`
    : all === undefined
    ? `Asked<${from}>`
    : `AskedOrAll<${from}, When<Parameters, ${literal(sumsIf)}, ${type}Sums, All${type}s>>`;
  if (ahead.length === 0) return asked;
  const before = printColumns([ahead]);
  return sumsIf === undefined
    ? `${before} & ${asked}`
    : `When<Parameters, ${literal(sumsIf)}, unknown, ${before}> & ${asked}`;
}

/** One type for the columns of all versions; columns that some versions lack are optional. */
function printColumns(rows: readonly (readonly ColumnFacts[])[]): string {
  const keys = [...new Set(rows.flat().map(({ key }) => key))];
  if (keys.length === 0) return "Nothing";
  const members = keys.map((key) => {
    const columns = rows.flatMap((row) => row.filter((column) => column.key === key));
    const types = [...new Set(columns.map(valueType))].join(" | ");
    const optional = columns.length < rows.length ? "?" : "";
    return `${docComment(columns.at(-1)?.meaning)}${propertyKey(key)}${optional}: ${types};\n`;
  });
  return block("{", members, "}");
}

/** Each version's rule, or the one for all. */
function rulesOf(columns: CommandFacts["columns"]): readonly ColumnsFacts[] {
  if (columns === undefined) return [];
  return versions[0] in columns
    ? Object.values(columns as Readonly<Record<string, ColumnsFacts>>)
    : [columns as ColumnsFacts];
}

const valueTypes: Readonly<Record<ValueFacts["type"], string>> = {
  string: "string",
  bytes: "Uint8Array",
  number: "number",
  bigint: "bigint",
  boolean: "boolean",
  date: "Date",
  strings: "string[]",
  numbers: "number[]",
};

function valueType({ type, null: none }: ValueFacts): string {
  return valueTypes[type] + (none === undefined ? "" : " | null");
}

function lifetime({ since, until }: Lifetime): string | undefined {
  if (until !== undefined) return `Up to ${until}.`;
  return since === versions[0] ? undefined : `Since ${since}.`;
}
