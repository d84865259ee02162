/**
 * Creates the catalogue's entries from servers' lists and the facts.
 *
 * @module
 */

import type {
  ColumnRule,
  CommandInfo,
  DovecotVersion,
  FieldInfo,
  FieldTable,
  Lifetime,
  ParameterInfo,
  ParameterType,
} from "../../core/doveadm/catalogue/command_info.ts";
import type {
  ColumnsFacts,
  CommandFacts,
  Facts,
  ListedCommand,
  Lists,
  ParameterFacts,
} from "./facts.ts";

/** The versions that are catalogued, the oldest first. */
export const versions: readonly DovecotVersion[] = ["2.3", "2.4"];

/** A parameter's entry and its purpose. */
export type MergedParameter = ParameterInfo & { readonly meaning: string };

/** A command's entry and its facts. */
export interface MergedCommand {
  readonly info: Omit<CommandInfo, "parameters">;
  readonly facts: CommandFacts;
  readonly parameters: readonly MergedParameter[];
}

/**
 * Merges servers' lists with the facts; throws an `Error` for a command or a parameter that is in only one
 * of them.
 */
export function mergeCatalogue(lists: Lists, facts: Facts): readonly MergedCommand[] {
  const methods = mergeOrders(versions.map((version) => lists[version].map((it) => it.command)));
  const forgotten = Object.keys(facts.commands).filter((method) => !methods.includes(method));
  if (forgotten.length > 0) throw new Error(`No server lists ${forgotten.join(", ")}.`);
  return methods.map((method) => {
    const command = facts.commands[method];
    if (command === undefined) {
      throw new Error(`The command ${method} has no facts: add them to facts.json.`);
    }
    return mergeCommand(method, command, lists, facts);
  });
}

/** The common parameters of commands on mail, from a command that has all of them. */
export function mailParameters(
  commands: readonly MergedCommand[],
  facts: Facts,
): readonly MergedParameter[] {
  const names = Object.keys(facts.mailParameters);
  const common = commands.filter(({ info }) => info.mail)
    .map(({ parameters }) => parameters.filter(({ name }) => names.includes(name)))
    .find(({ length }) => length === names.length);
  if (common === undefined) throw new Error("No command on mail has all of the common parameters.");
  return common;
}

/** The entries of a table of fields. */
export function mergeFields(facts: Facts, table: FieldTable): readonly FieldInfo[] {
  return Object.entries(facts.fields[table]).map(([name, field]) => {
    const { type, format, null: none, askedAs, summable, later, since = versions[0] } = field;
    return { name, type, format, null: none, askedAs, summable, later, since };
  });
}

function mergeCommand(
  method: string,
  command: CommandFacts,
  lists: Lists,
  facts: Facts,
): MergedCommand {
  const listed = (version: DovecotVersion) => lists[version].find((it) => it.command === method);
  const lifetime = lifetimeOf(method, (version) => listed(version) !== undefined);
  const { name, summary, mail, alone = !mail, plain, changes, answer } = command;
  const { input, needsOneOf } = command;
  const columns: Partial<Record<DovecotVersion, ColumnRule>> = {};
  for (const version of versions) {
    const rule = columnRule(command.columns, version);
    if (listed(version) !== undefined && rule !== undefined) columns[version] = rule;
  }
  return {
    info: {
      ...{ name, method, summary, ...lifetime, mail, alone, plain, changes, answer },
      ...{ input, needsOneOf },
      columns,
    },
    facts: command,
    parameters: mergeParameters(method, command, versions.map(listed), facts),
  };
}

function mergeParameters(
  method: string,
  command: CommandFacts,
  listed: readonly (ListedCommand | undefined)[],
  facts: Facts,
): readonly MergedParameter[] {
  const known: Readonly<Record<string, ParameterFacts>> = {
    ...(command.mail ? facts.mailParameters : {}),
    ...command.parameters,
  };
  const present = listed.filter((it) => it !== undefined);
  const names = mergeOrders(present.map(({ parameters }) => parameters.map(({ name }) => name)));
  const forgotten = Object.keys(command.parameters).filter((name) => !names.includes(name));
  if (forgotten.length > 0) throw new Error(`No server's ${method} has ${forgotten.join(", ")}.`);
  return names.map((name) => {
    const parameter = known[name];
    if (parameter === undefined) {
      throw new Error(`The parameter ${name} of ${method} has no facts: add them to facts.json.`);
    }
    const types = versions.map((_, at) =>
      listed[at]?.parameters.find((it) => it.name === name)?.type as ParameterType | undefined
    );
    const type = types.findLast((type) => type !== undefined)!;
    const others = versions.flatMap((version, at) =>
      types[at] === undefined || types[at] === type ? [] : [[version, types[at]]]
    );
    const has = (version: DovecotVersion): boolean => {
      const command = listed[versions.indexOf(version)];
      return command === undefined || command.parameters.some((it) => it.name === name);
    };
    return {
      name,
      type,
      ...(others.length === 0 ? {} : { typeIn: Object.fromEntries(others) }),
      ...parameter,
      ...lifetimeOf(`${method}'s ${name}`, has),
    };
  });
}

/** The first and the last version that have something; throws if a version between them lacks it. */
function lifetimeOf(what: string, has: (version: DovecotVersion) => boolean): Lifetime {
  const having = versions.filter(has);
  const since = having[0];
  const until = having.at(-1)!;
  const between = versions.slice(versions.indexOf(since), versions.indexOf(until) + 1);
  if (between.length !== having.length) {
    throw new Error(`${what} is missing in a version between others that have it.`);
  }
  return until === versions.at(-1) ? { since } : { since, until };
}

/** The rule for a version. */
function columnRule(
  columns: CommandFacts["columns"],
  version: DovecotVersion,
): ColumnRule | undefined {
  if (columns === undefined) return undefined;
  const facts = version in columns
    ? (columns as Readonly<Record<DovecotVersion, ColumnsFacts>>)[version]
    : columns as ColumnsFacts;
  if ("when" in facts) {
    const { when: parameter, then, otherwise } = facts;
    return { type: "when", parameter, then: then.map(bare), otherwise: otherwise.map(bare) };
  }
  if ("fields" in facts) {
    const { fields: table, parameter, order, ahead, sumsIf, all, usual } = facts;
    return {
      type: "fields",
      ...{ table, parameter, order: order === "fixed" ? "table" : "asked" },
      ...{ ahead: ahead.map(bare), sumsIf, all, usual },
    };
  }
  return facts.length === 0 ? undefined : { type: "fixed", columns: facts.map(bare) };
}

/** A column without its meaning, which is only documentation. */
function bare<Column extends { readonly meaning?: string }>(
  { meaning: _, ...column }: Column,
): Omit<Column, "meaning"> {
  return column;
}

/** Merges orders of names: a name that only a later one has comes after its neighbour there. */
function mergeOrders(orders: readonly (readonly string[])[]): readonly string[] {
  const merged: string[] = [];
  for (const order of orders) {
    let at = 0;
    for (const name of order) {
      const found = merged.indexOf(name);
      if (found === -1) merged.splice(at++, 0, name);
      else at = found + 1;
    }
  }
  return merged;
}
