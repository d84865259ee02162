/**
 * Parses the program's command line: its own options anywhere, and the words of a command as doveadm has them.
 *
 * @module
 */

import {
  type CommandInfo,
  findCommand,
  type Option,
  optionsOf,
} from "@dovewire/dovewire/core/doveadm/catalogue";
import { type ProgramOption, programOptions, userOptions } from "./options.ts";
import { findSubcommand, type Subcommand } from "./subcommands.ts";
import { unknownCommand } from "./suggest.ts";
import { UsageError } from "./usage_error.ts";

/** The program's own options that a command line sets, by their long names. */
export type GivenOptions = ReadonlyMap<string, readonly string[]>;

/** A parsed command line. */
export type CommandLine =
  | { readonly type: "none"; readonly options: GivenOptions }
  | {
    readonly type: "subcommand";
    readonly options: GivenOptions;
    readonly subcommand: Subcommand;
    readonly args: readonly string[];
  }
  | {
    readonly type: "command";
    readonly options: GivenOptions;
    readonly info: CommandInfo;
    /** The command's own options and arguments, as they stood. */
    readonly args: readonly string[];
  };

/** The most words of a command's name. */
const longestName = 3;

/**
 * Parses the arguments after the program's name. Throws a `UsageError` for an unknown command or option of
 * the program; those of a server's command are left as they are.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const options = new Options();
  const before = [...programOptions, ...userOptions];
  let at = 0;
  while (at < argv.length && isOption(argv[at])) at = options.read(argv, at, before);
  if (argv[at] === "--") at++;
  const words = argv.slice(at);
  if (words.length === 0) return { type: "none", options: options.given };

  const subcommand = findSubcommand(words[0]);
  if (subcommand !== undefined) return parseSubcommand(subcommand, words.slice(1), options);
  const found = findLongest(words);
  if (found === undefined) throw unknownCommand(words);
  const { info, count } = found;
  const args = withoutProgramOptions(info, words.slice(count), options);
  return { type: "command", options: options.given, info, args };
}

/** The command whose name is the longest beginning of the words, and of how many: one may have several in it. */
function findLongest(words: readonly string[]): { info: CommandInfo; count: number } | undefined {
  for (let count = Math.min(longestName, words.length); count > 0; count--) {
    const info = findCommand(words.slice(0, count).join(" "));
    if (info !== undefined) return { info, count };
  }
}

function parseSubcommand(
  subcommand: Subcommand,
  words: readonly string[],
  options: Options,
): CommandLine {
  const known = [...subcommand.options, ...programOptions];
  const args: string[] = [];
  let at = 0;
  while (at < words.length) {
    if (words[at] === "--") {
      return {
        type: "subcommand",
        options: options.given,
        subcommand,
        args: args.concat(words.slice(at + 1)),
      };
    }
    if (isOption(words[at])) at = options.read(words, at, known);
    else args.push(words[at++]);
  }
  return { type: "subcommand", options: options.given, subcommand, args };
}

/**
 * Takes the program's own long options out of a command's words. The value of one of the command's options
 * is none of them, whatever it looks like.
 */
function withoutProgramOptions(
  info: CommandInfo,
  words: readonly string[],
  options: Options,
): readonly string[] {
  const own = [...optionsOf(info, "2.4"), ...optionsOf(info, "2.3")];
  const args: string[] = [];
  let at = 0;
  while (at < words.length && words[at] !== "--") {
    const word = words[at];
    if (isProgramOption(word)) {
      at = options.read(words, at, programOptions);
      continue;
    }
    args.push(word);
    at++;
    if (takesNextWord(word, own) && at < words.length) args.push(words[at++]);
  }
  return [...args, ...words.slice(at)];
}

function isProgramOption(word: string): boolean {
  const name = /^--([^=]+)/.exec(word)?.[1];
  return programOptions.some((option) => option.name === name);
}

/** Whether the next word is the value of an option of the command. */
function takesNextWord(word: string, own: readonly Option[]): boolean {
  if (!isOption(word)) return false;
  if (word.startsWith("--")) {
    if (word.includes("=")) return false;
    const name = word.slice(2);
    const found = own.find((option) => option.name === name) ??
      own.find((option) => option.name.startsWith(name));
    return found !== undefined && found.type !== "flag";
  }
  for (let at = 1; at < word.length; at++) {
    const found = own.find(({ short }) => short === word[at]);
    if (found !== undefined && found.type !== "flag") return at === word.length - 1;
  }
  return false;
}

function isOption(word: string): boolean {
  return word.startsWith("-") && word !== "-" && word !== "--";
}

/** Collects options. */
class Options {
  readonly #given = new Map<string, string[]>();

  get given(): GivenOptions {
    return this.#given;
  }

  /** Reads the options in a word, and the next word if it is the value; returns where to go on. */
  read(words: readonly string[], at: number, known: readonly ProgramOption[]): number {
    return words[at].startsWith("--")
      ? this.#readLong(words, at, known)
      : this.#readShort(words, at, known);
  }

  #readLong(words: readonly string[], at: number, known: readonly ProgramOption[]): number {
    const text = words[at].slice(2);
    const equals = text.indexOf("=");
    const name = equals === -1 ? text : text.slice(0, equals);
    const option = findLong(name, known);
    if (option.value === undefined) {
      if (equals !== -1) throw new UsageError(`The option --${option.name} takes no value.`);
      this.#add(option, "");
      return at + 1;
    }
    if (equals !== -1) this.#add(option, text.slice(equals + 1));
    else this.#add(option, valueAt(words, at + 1, `--${option.name}`));
    return equals === -1 ? at + 2 : at + 1;
  }

  #readShort(words: readonly string[], at: number, known: readonly ProgramOption[]): number {
    const letters = words[at].slice(1);
    for (let nth = 0; nth < letters.length; nth++) {
      const option = known.find(({ short }) => short === letters[nth]);
      if (option === undefined) {
        throw new UsageError(`There is no option -${letters[nth]}. ${seeHelp}`);
      }
      if (option.value === undefined) {
        this.#add(option, "");
        continue;
      }
      const isLast = nth === letters.length - 1;
      this.#add(
        option,
        isLast ? valueAt(words, at + 1, `-${option.short}`) : letters.slice(nth + 1),
      );
      return isLast ? at + 2 : at + 1;
    }
    return at + 1;
  }

  #add(option: ProgramOption, value: string): void {
    const { name, choices, isRepeatable } = option;
    if (choices !== undefined && !choices.includes(value)) {
      throw new UsageError(
        `--${name} is ${JSON.stringify(value)}. Set it to one of ${choices.join(", ")}.`,
        // As doveadm's, for its -f.
        name === "format" ? { exitCode: 75 } : {},
      );
    }
    const values = this.#given.get(name);
    if (values !== undefined && isRepeatable) values.push(value);
    else this.#given.set(name, [value]);
  }
}

const seeHelp = 'See "dovewire help".';

/** Finds a long option, whose name may be shortened. */
function findLong(name: string, known: readonly ProgramOption[]): ProgramOption {
  const exact = known.find((option) => option.name === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = known.filter((option) => option.name.startsWith(name));
  if (first === undefined || name === "") {
    throw new UsageError(`There is no option --${name}. ${seeHelp}`);
  }
  if (others.length === 0) return first;
  const names = [first, ...others].map((option) => `--${option.name}`).join(", ");
  throw new UsageError(`The option --${name} is ambiguous: it may be ${names}.`);
}

function valueAt(words: readonly string[], at: number, option: string): string {
  if (at < words.length) return words[at];
  throw new UsageError(`The option ${option} needs a value after it.`);
}
