/**
 * Parses options and arguments of a command as Dovecot's getopt_long() does.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import { existsIn, joinedOption, longOption, type ParameterValue, typeIn } from "./arguments.ts";
import type { CommandInfo, DovecotVersion, ParameterInfo, ParameterType } from "./command_info.ts";

/** An option of a command, or an argument, as getopt defines it. */
export interface Option {
  /** The name of the long option, without its dashes: "mailbox-mask". */
  readonly name: string;
  /** The letter of the short option; none for one that has only a long one. */
  readonly short?: string;
  /** "flag" has no value; "list" may occur more than once, and as the last argument takes all. */
  readonly type: "flag" | "string" | "list" | "number";
  /** Whether it is positional: it stands on the line without an option's name. */
  readonly positional?: boolean;
  /** The word before it if it is positional. */
  readonly keyword?: string;
}

/** A line's options and arguments, by name. */
export interface GivenOptions {
  /** Whether an option is set. */
  has(name: string): boolean;
  /** The value of a string; `undefined` if it isn't set. */
  text(name: string): string | undefined;
  /** The value of a number. */
  number(name: string): number | undefined;
  /** The values of a list; empty if it isn't set. */
  list(name: string): readonly string[];
}

/**
 * The options and arguments of a command in a version, in their order.
 *
 * For a `joined` parameter Dovecot has two: an option, and a positional one, with "str" after its name,
 * which is a single word.
 */
export function optionsOf(info: CommandInfo, version: DovecotVersion): readonly Option[] {
  return info.parameters.filter((parameter) => existsIn(parameter, version)).flatMap((parameter) =>
    parameter.joined
      ? [option(parameter, version), { name: twin(parameter), type: "string", positional: true }]
      : [option(parameter, version)]
  );
}

/**
 * The parameters for the arguments of a command line: the reverse of {@linkcode encodeArguments}, for
 * everything that getopt accepts.
 *
 * Throws a `LocalProtocolError` for arguments that {@linkcode parseOptions} refuses, and for an invalid number:
 * Dovecot 2.4 refuses it, and what 2.3 makes of it depends on the command.
 */
export function decodeArguments(
  info: CommandInfo,
  args: readonly string[],
  version: DovecotVersion,
): Record<string, ParameterValue> {
  const given = readOptions(args, optionsOf(info, version));
  for (const [name, text] of given.invalidNumbers) {
    throw usage(`option '--${name}' has an invalid number: ${JSON.stringify(text)}`);
  }
  const values: Record<string, ParameterValue> = {};
  /** The word of a joined parameter that is set already: on 2.3 it starts the next list, 2.4 skips it. */
  let ahead: string | undefined;
  for (const parameter of info.parameters) {
    const name = optionName(parameter);
    const word = parameter.joined ? given.text(twin(parameter)) : undefined;
    if (word !== undefined && !given.has(name)) {
      values[parameter.name] = splitWords(word);
    } else if (given.has(name)) {
      values[parameter.name] = valueOf(typeIn(parameter, version), name, given);
      if (version === "2.3") ahead ??= word;
    }
    if (ahead !== undefined && parameter.positional && !parameter.joined) {
      values[parameter.name] = [ahead, ...given.list(name)];
      ahead = undefined;
    }
  }
  return values;
}

/** The words of a text with spaces between them. */
export function splitWords(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

function valueOf(type: ParameterType, name: string, given: GivenOptions): ParameterValue {
  switch (type) {
    case "boolean":
      return true;
    case "array":
      return given.list(name);
    case "integer":
      return BigInt(given.text(name)!);
    case "string":
      return given.text(name)!;
  }
}

const optionTypes: Readonly<Record<ParameterType, Option["type"]>> = {
  boolean: "flag",
  string: "string",
  integer: "number",
  array: "list",
};

function option(parameter: ParameterInfo, version: DovecotVersion): Option {
  const { short, positional, keyword } = parameter;
  return {
    name: optionName(parameter),
    type: optionTypes[typeIn(parameter, version)],
    ...(short === undefined ? {} : { short }),
    ...(positional === true && parameter.joined !== true ? { positional } : {}),
    // On 2.3 this keyword is a separate parameter: the "sourceType" of "copy".
    ...(keyword === undefined || version === "2.3" ? {} : { keyword }),
  };
}

function optionName({ name }: ParameterInfo): string {
  return longOption(name).slice(2);
}

function twin({ name }: ParameterInfo): string {
  return joinedOption(name).slice(2);
}

/**
 * Parses the words after a command's name.
 *
 * Options may stand anywhere before "--": short ones ("-f"), several of them in one ("-sf"), with their
 * value ("-fuid", "-f uid"); long ones, also shortened ("--field=uid", "--fie uid"). Other words fill the
 * positional parameters in their order, also those that were set by options: in `--mailbox A B`, B goes to
 * the parameter after "mailbox". An invalid number counts as not set, as for most commands of 2.3. Source:
 * Dovecot's src/doveadm/doveadm-cmd.c.
 *
 * Throws a `LocalProtocolError`, with getopt's message, for an option that is unknown or ambiguous, lacks
 * its value or has a value that it doesn't take, and for too many arguments.
 */
export function parseOptions(
  args: readonly string[],
  options: readonly Option[],
): GivenOptions {
  return readOptions(args, options);
}

function readOptions(args: readonly string[], options: readonly Option[]): Given {
  const given = new Given();
  const operands: string[] = [];
  const line: Line = { args, at: 0 };
  for (let arg = next(line); arg !== undefined; arg = next(line)) {
    if (arg === "--") break;
    if (arg.startsWith("--")) readLong(arg.slice(2), line, options, given);
    else if (arg.startsWith("-") && arg !== "-") readShort(arg.slice(1), line, options, given);
    else operands.push(arg);
  }
  // Not push(...): a line may have more words than a call may have arguments.
  for (const arg of args.slice(line.at)) operands.push(arg);
  fillPositional(operands, options, given);
  return given;
}

/**
 * Assigns the words that are no options to the positional parameters. The search continues where the last
 * word found its parameter, so that a keyword counts only at its own position, and not in a list.
 */
function fillPositional(operands: string[], options: readonly Option[], given: Given): void {
  let place = 0;
  let lastWithoutKeyword = 0;
  for (let at = 0; at < operands.length; at++) {
    for (; place < options.length; place++) {
      const { name, positional, type, keyword } = options[place];
      if (positional !== true) continue;
      if (keyword === undefined) lastWithoutKeyword = place;
      const isFree = type === "list" || !given.has(name);
      if (isFree && (keyword === undefined || isKeyword(keyword, operands, at))) break;
    }
    if (place === options.length) {
      throw usage(`Extraneous arguments found: ${operands.slice(at).join(" ")}`);
    }
    const option = options[place];
    if (option.keyword !== undefined) {
      at++;
      place = lastWithoutKeyword;
    }
    given.set(option, operands[at]);
  }
}

/** Whether a keyword stands there, with a word after it. */
function isKeyword(keyword: string, operands: readonly string[], at: number): boolean {
  return operands[at] === keyword && at + 1 < operands.length;
}

/** A line of arguments, and how many were read. */
interface Line {
  readonly args: readonly string[];
  at: number;
}

/** Reads the next argument, if there is one. */
function next(line: Line): string | undefined {
  return line.args[line.at++];
}

/** Reads a long option, without its dashes. */
function readLong(
  text: string,
  line: Line,
  options: readonly Option[],
  given: Given,
): void {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  const option = findLong(name, options);
  if (option.type === "flag") {
    if (equals !== -1) throw usage(`option '--${option.name}' doesn't allow an argument`);
    given.set(option, "");
    return;
  }
  const value = equals === -1 ? next(line) : text.slice(equals + 1);
  if (value === undefined) throw usage(`option '--${option.name}' requires an argument`);
  given.set(option, value);
}

/** Finds a long option, whose name may be shortened. */
function findLong(name: string, options: readonly Option[]): Option {
  const exact = options.find((option) => option.name === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = options.filter((option) => option.name.startsWith(name));
  if (first === undefined) throw usage(`unrecognized option '--${name}'`);
  // getopt_long() compares options by their letters and whether they take a value; of two that are equal in
  // both, it takes the first.
  const differs = others.some((other) =>
    other.short !== first.short || (other.type === "flag") !== (first.type === "flag")
  );
  if (differs) {
    const names = [first, ...others].map((option) => `'--${option.name}'`);
    throw usage(`option '--${name}' is ambiguous; possibilities: ${names.join(" ")}`);
  }
  return first;
}

/** Reads combined short options, without the dash. */
function readShort(
  letters: string,
  line: Line,
  options: readonly Option[],
  given: Given,
): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at];
    const option = options.find(({ short }) => short === letter);
    if (option === undefined) throw usage(`invalid option -- '${letter}'`);
    if (option.type === "flag") {
      given.set(option, "");
      continue;
    }
    const value = at + 1 < letters.length ? letters.slice(at + 1) : next(line);
    if (value === undefined) throw usage(`option requires an argument -- '${letter}'`);
    given.set(option, value);
    return;
  }
}

class Given implements GivenOptions {
  /** The texts of numbers that are invalid, and so not set, by their options. */
  readonly invalidNumbers = new Map<string, string>();
  readonly #values = new Map<string, string[]>();

  /** Sets an option: a list grows; for other types the last value counts. */
  set({ name, type }: Option, value: string): void {
    const values = this.#values.get(name);
    this.invalidNumbers.delete(name);
    if (type === "number" && !isNumber(value)) {
      this.#values.delete(name);
      this.invalidNumbers.set(name, value);
    } else if (type === "list" && values !== undefined) values.push(value);
    else this.#values.set(name, [value]);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

/** Whether Dovecot accepts it as a number: decimal digits, signed or not, of 64 bits. */
function isNumber(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function usage(message: string): LocalProtocolError {
  return new LocalProtocolError(message);
}
