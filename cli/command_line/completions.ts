/**
 * Finds what the last word of an unfinished command line may become.
 *
 * @module
 */

import {
  type CommandInfo,
  commands,
  fieldTables,
  findCommand,
  longOption,
} from "@dovewire/dovewire/core/doveadm/catalogue";
import { type ProgramOption, programOptions, userOptions } from "./options.ts";
import { findSubcommand, type Subcommand, subcommands } from "./subcommands.ts";

/** A word, and what it means. */
export interface Completion {
  readonly word: string;
  readonly summary: string;
}

/** The words before the last one, as far as they matter. */
interface Line {
  /** The words that are no options, up to the command's name and after it. */
  readonly words: readonly string[];
  /** The option whose value the last word is. */
  readonly valueOf: ProgramOption | undefined;
}

/** What the last word may become; none where only the user knows. */
export function completionsFor(all: readonly string[]): readonly Completion[] {
  const last = all.at(-1) ?? "";
  const line = readLine(all.slice(0, -1));
  return candidates(line, last).filter(({ word }) => word.startsWith(last));
}

function candidates({ words, valueOf }: Line, last: string): readonly Completion[] {
  if (valueOf !== undefined) return choicesOf(valueOf, "");
  const command = commandIn(words);
  const options = optionsFor(command);
  const [, inline] = /^--([^=]+)=/.exec(last) ?? [];
  if (inline !== undefined) {
    const option = options.find(({ name }) => name === inline);
    return option === undefined ? [] : choicesOf(option, `--${inline}=`);
  }
  if (last.startsWith("-")) return options.flatMap(wordsOf);
  if (words[0] === "help") return nextWords(words.slice(1));
  if (command === undefined) return nextWords(words);
  if ("method" in command) return fieldsOf(command, words);
  return (words.length === 1 ? command.choices ?? [] : []).map((word) => ({ word, summary: "" }));
}

function readLine(all: readonly string[]): Line {
  const words: string[] = [];
  let valueOf: ProgramOption | undefined;
  for (const word of all) {
    if (valueOf !== undefined) {
      valueOf = undefined;
    } else if (word.startsWith("-")) {
      valueOf = optionsFor(commandIn(words)).find((option) =>
        option.value !== undefined && wordsOf(option).some((it) => it.word === word)
      );
    } else words.push(word);
  }
  return { words, valueOf };
}

/** The command whose name is the longest beginning of the words. */
function commandIn(words: readonly string[]): CommandInfo | Subcommand | undefined {
  for (let count = words.length; count > 0; count--) {
    const found = findCommand(words.slice(0, count).join(" "));
    if (found !== undefined) return found;
  }
  return words.length === 0 ? undefined : findSubcommand(words[0]);
}

function optionsFor(command: CommandInfo | Subcommand | undefined): readonly ProgramOption[] {
  if (command === undefined) return [...programOptions, ...userOptions];
  if (!("method" in command)) return [...command.options, ...programOptions];
  const own = command.parameters.filter(({ positional }) => positional !== true)
    .map(({ name, short, type }): ProgramOption => ({
      name: longOption(name).slice(2),
      summary: "",
      ...(short === undefined ? {} : { short }),
      ...(type === "boolean" ? {} : { value: "TEXT" }),
    }));
  // After a server's command, only the long ones are the program's.
  return [...own, ...programOptions.map(({ short: _, ...option }) => option)];
}

function wordsOf({ name, short, summary }: ProgramOption): readonly Completion[] {
  const long = { word: `--${name}`, summary };
  return short === undefined ? [long] : [long, { word: `-${short}`, summary }];
}

function choicesOf({ choices = [] }: ProgramOption, before: string): readonly Completion[] {
  return choices.map((choice) => ({ word: `${before}${choice}`, summary: "" }));
}

/** The words that may come after the beginning of a command's name. */
function nextWords(words: readonly string[]): readonly Completion[] {
  const found = new Map<string, string>();
  for (const { name, summary } of [...subcommands, ...Object.values(commands)]) {
    const parts = name.split(" ");
    const isIn = parts.length > words.length && words.every((word, at) => word === parts[at]);
    if (!isIn) continue;
    const isWhole = parts.length === words.length + 1;
    if (isWhole || !found.has(parts[words.length])) {
      found.set(
        parts[words.length],
        isWhole ? summary : `${parts.slice(0, words.length + 1).join(" ")} …`,
      );
    }
  }
  return [...found].map(([word, summary]) => ({ word, summary }));
}

/** The fields that a command may be asked for, where its first argument names them. */
function fieldsOf(info: CommandInfo, words: readonly string[]): readonly Completion[] {
  const rule = info.columns["2.4"] ?? info.columns["2.3"];
  const first = info.parameters.find(({ positional }) => positional === true);
  const isFirst = words.length === info.name.split(" ").length;
  if (!isFirst || rule?.type !== "fields" || first?.name !== rule.parameter) return [];
  return fieldTables[rule.table].map(({ name }) => ({ word: name.replace("*", ""), summary: "" }));
}
