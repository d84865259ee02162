/**
 * The texts of `dovewire help` and `dovewire commands`.
 *
 * @module
 */

import {
  type ColumnRule,
  type CommandInfo,
  commands,
  existsIn,
  fieldTables,
  findCommand,
  longOption,
  type ParameterInfo,
} from "@dovewire/dovewire/core/doveadm/catalogue";
import { namesOf, type ProgramOption, programOptions, userOptions } from "./options.ts";
import { findSubcommand, type Subcommand, subcommands } from "./subcommands.ts";
import { unknownCommand } from "./suggest.ts";
import { UsageError } from "./usage_error.ts";

/** The most columns of a help text. */
const lineWidth = 100;

/** The help for a command, or for the program without one. */
export function helpFor(words: readonly string[]): string {
  if (words.length === 0) return programHelp();
  const info = findCommand(words.join(" "));
  if (info !== undefined) return commandHelp(info);
  const subcommand = words.length === 1 ? findSubcommand(words[0]) : undefined;
  if (subcommand !== undefined) return subcommandHelp(subcommand);
  const group = Object.keys(commands).filter((name) => name.startsWith(`${words.join(" ")} `));
  if (group.length > 0) return listOf(group.map((name) => commands[name as keyof typeof commands]));
  throw unknownCommand(words);
}

/** The help for the program. */
export function programHelp(): string {
  return `\
Usage: dovewire [OPTIONS] COMMAND [ARGS…]

Runs doveadm's commands on a mail server, from any machine: over UNIX sockets, TCP, TLS and HTTP.
"dovewire commands" lists them, and "dovewire help COMMAND" explains one.

Commands of the program itself:
${table(subcommands.map(({ name, args, summary }) => [`${name} ${args}`.trim(), summary]))}
Options, before the command or after it; -f, -v and -D before it only:
${optionTable(programOptions)}
Whose mail a command acts on, before the command or after it:
${optionTable(userOptions)}
Without --server, DOVEWIRE_SERVER names the servers, with spaces between them; then "default" in the
configuration file; then it is the Dovecot of this machine. The password comes from --password-file,
--password-command, the configuration, DOVEWIRE_PASSWORD, or a prompt.
`;
}

/** The help for a command of the program itself. */
export function subcommandHelp({ name, args, summary, options, notes }: Subcommand): string {
  const own = options.length === 0 ? "" : `\nIts options:\n${optionTable(options)}`;
  return `Usage: dovewire ${name}${args === "" ? "" : ` ${args}`} [OPTIONS]\n\n${summary}.\n${own}${
    notes === undefined ? "" : `\n${notes}\n`
  }`;
}

/** The help for a server's command: its options, arguments and columns. */
export function commandHelp(info: CommandInfo): string {
  const options = info.parameters.filter(({ positional }) => positional !== true);
  const rows = [
    ...options.map((parameter) => [optionNames(parameter), notesOn(parameter)] as const),
    ...info.parameters.filter(({ positional }) => positional === true)
      .map((parameter) => [placeholder(parameter), notesOn(parameter)] as const),
  ];
  const parts = [
    `Usage: dovewire ${info.name} ${usageOf(info)}`.trimEnd(),
    info.summary,
    ...(info.since === "2.3" && info.until === undefined
      ? []
      : [`Only on Dovecot ${info.until === undefined ? "2.4 and later" : info.until}.`]),
    ...(rows.length === 0 ? [] : [`Options and arguments:\n${table(rows)}`.trimEnd()]),
    ...columnNotes(info),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** The commands that contain a word, or all, with what they do. */
export function commandList(word: string): string {
  const found = Object.values(commands).filter(({ name, summary }) =>
    `${name} ${summary}`.toLowerCase().includes(word.toLowerCase())
  );
  if (found.length > 0) return listOf(found);
  throw new UsageError(
    `No command contains ${JSON.stringify(word)}. "dovewire commands" lists all.`,
  );
}

function listOf(infos: readonly CommandInfo[]): string {
  return table(
    [...infos].sort((a, b) => a.name < b.name ? -1 : 1).map(({ name, summary }) => [name, summary]),
  );
}

/** What follows a command's name in a usage text. */
export function usageOf(info: CommandInfo): string {
  const hasOptions = info.parameters.some(({ positional }) => positional !== true);
  const words = info.parameters.filter(({ positional }) => positional === true).map((parameter) => {
    const word = (parameter.keyword === undefined ? "" : `${parameter.keyword} `) +
      placeholder(parameter);
    return parameter.required ? word : `[${word}]`;
  });
  return [...(hasOptions ? ["[OPTIONS]"] : []), ...words].join(" ");
}

/** A positional parameter's name in a usage text: "MAILBOX-MASK…". */
export function placeholder({ name, type, joined }: ParameterInfo): string {
  const text = longOption(name).slice(2).toUpperCase();
  return type === "array" && joined !== true ? `${text}…` : text;
}

/** An option's names as in "-m, --mailbox=MAILBOX". */
export function optionNames(parameter: ParameterInfo): string {
  const long = longOption(parameter.name);
  const value = parameter.type === "boolean"
    ? ""
    : `=${parameter.type === "integer" ? "N" : "TEXT"}`;
  return `${parameter.short === undefined ? "" : `-${parameter.short}, `}${long}${value}`;
}

function notesOn(parameter: ParameterInfo): string {
  const { required, since, until, content, keyword } = parameter;
  return [
    ...(required ? ["required"] : []),
    ...(content === undefined ? [] : [content.replaceAll("-", " ")]),
    ...(keyword === undefined ? [] : [`after the word "${keyword}"`]),
    ...(since === "2.4" ? ["since 2.4"] : []),
    ...(until === undefined ? [] : [`until ${until}`]),
  ].join(", ");
}

function columnNotes({ columns }: CommandInfo): readonly string[] {
  const [old, recent] = (["2.3", "2.4"] as const).map((version) => columnText(columns[version]));
  if (old === recent) return old === "" ? [] : [`Columns: ${old}`];
  return [
    ...(old === "" ? [] : [`Columns on Dovecot 2.3: ${old}`]),
    ...(recent === "" ? [] : [`Columns on Dovecot 2.4: ${recent}`]),
  ];
}

function columnText(rule: ColumnRule | undefined): string {
  switch (rule?.type) {
    case undefined:
      return "";
    case "fixed":
      return rule.columns.map(({ key }) => key).join(", ");
    case "when": {
      const [then, otherwise] = [rule.then, rule.otherwise]
        .map((columns) => columns.map(({ key }) => key).join(", ") || "none");
      return `${otherwise}; with ${longOption(rule.parameter)}: ${then}`;
    }
    case "fields":
      return `the fields asked for, of ${fieldNames(rule)}`;
  }
}

function fieldNames({ table: name }: ColumnRule & { readonly type: "fields" }): string {
  return fieldTables[name].map((field) =>
    existsIn(field, "2.3") ? field.name : `${field.name} (since 2.4)`
  ).join(", ");
}

function optionTable(options: readonly ProgramOption[]): string {
  return table(options.map((option) => {
    const choices = option.choices === undefined ? "" : `: ${option.choices.join(", ")}`;
    return [namesOf(option), option.summary + choices];
  }));
}

/** Lines of two columns, the second one wrapped. */
function table(rows: readonly (readonly [name: string, text: string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([name]) => name.length)) + 2);
  return rows.map(([name, text]) => {
    const lines = wrap(text, lineWidth - width - 2);
    const [first, ...others] = name.length + 2 > width ? ["", ...lines] : lines;
    const rest = others.map((line) => `  ${" ".repeat(width)}${line}\n`).join("");
    return `  ${name.padEnd(width)}${first}`.trimEnd() + `\n${rest}`;
  }).join("");
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] === "") lines[last] = word;
    else if (lines[last].length + 1 + word.length <= width) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}
