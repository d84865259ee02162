/**
 * Options and arguments of a command, taken apart as Dovecot's getopt_long() does it.
 *
 * @module
 */

import { CommandFailure } from "../../server/command_failure.ts";
import type { Arguments, Parameter } from "./command.ts";

/**
 * Takes apart what stands behind a command's name.
 *
 * Options may stand anywhere ahead of "--": short ones ("-f"), several of them in one ("-sf"), with
 * their value ("-fuid", "-f uid"); long ones and what is left of them when they are shortened
 * ("--field=uid", "--fie uid"). What is no option fills the positional parameters in their order,
 * also those whose place an option took: `--mailbox A B` gives B to the one behind "mailbox". A
 * number that isn't one counts as not given. As Dovecot has it in src/doveadm/doveadm-cmd.c.
 *
 * Throws a `CommandFailure` "USAGE" for an option that isn't known, or ambiguous, or lacks its value,
 * or has one that it doesn't take, and for more arguments than there are parameters.
 */
export function parseArguments(
  args: readonly string[],
  parameters: readonly Parameter[],
): Arguments {
  const given = new GivenArguments();
  const operands: string[] = [];
  const line: Line = { args, at: 0 };
  for (let arg = next(line); arg !== undefined; arg = next(line)) {
    if (arg === "--") break;
    if (arg.startsWith("--")) readLong(arg.slice(2), line, parameters, given);
    else if (arg.startsWith("-") && arg !== "-") readShort(arg.slice(1), line, parameters, given);
    else operands.push(arg);
  }
  operands.push(...args.slice(line.at));
  for (const [at, operand] of operands.entries()) {
    const parameter = parameters.find(({ name, positional, type }) =>
      positional === true && (type === "list" || !given.has(name))
    );
    if (parameter === undefined) {
      throw usage(`Extraneous arguments found: ${operands.slice(at).join(" ")}`);
    }
    given.set(parameter, operand);
  }
  return given;
}

/** A line of arguments, and how many of them were read. */
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
  option: string,
  line: Line,
  parameters: readonly Parameter[],
  given: GivenArguments,
): void {
  const equals = option.indexOf("=");
  const name = equals === -1 ? option : option.slice(0, equals);
  const parameter = findLong(name, parameters);
  if (parameter.type === "flag") {
    if (equals !== -1) throw usage(`option '--${parameter.name}' doesn't allow an argument`);
    given.set(parameter, "");
    return;
  }
  const value = equals === -1 ? next(line) : option.slice(equals + 1);
  if (value === undefined) throw usage(`option '--${parameter.name}' requires an argument`);
  given.set(parameter, value);
}

/** The parameter of a long option, whose name may be cut short. */
function findLong(name: string, parameters: readonly Parameter[]): Parameter {
  const exact = parameters.find((parameter) => parameter.name === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = parameters.filter((parameter) => parameter.name.startsWith(name));
  if (first === undefined) throw usage(`unrecognized option '--${name}'`);
  // getopt_long() tells options apart by their letters and whether they take a value; for two that
  // are alike in both, it takes the first.
  const differs = others.some((other) =>
    other.short !== first.short || (other.type === "flag") !== (first.type === "flag")
  );
  if (differs) {
    const names = [first, ...others].map((parameter) => `'--${parameter.name}'`);
    throw usage(`option '--${name}' is ambiguous; possibilities: ${names.join(" ")}`);
  }
  return first;
}

/** Reads short options that stand together, without the dash. */
function readShort(
  letters: string,
  line: Line,
  parameters: readonly Parameter[],
  given: GivenArguments,
): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at];
    const parameter = parameters.find(({ short }) => short === letter);
    if (parameter === undefined) throw usage(`invalid option -- '${letter}'`);
    if (parameter.type === "flag") {
      given.set(parameter, "");
      continue;
    }
    const value = at + 1 < letters.length ? letters.slice(at + 1) : next(line);
    if (value === undefined) throw usage(`option requires an argument -- '${letter}'`);
    given.set(parameter, value);
    return;
  }
}

class GivenArguments implements Arguments {
  readonly #values = new Map<string, string[]>();

  /** Sets a parameter: a list grows, of anything else the last value counts. */
  set({ name, type }: Parameter, value: string): void {
    const values = this.#values.get(name);
    if (type === "number" && !isNumber(value)) this.#values.delete(name);
    else if (type === "list" && values !== undefined) values.push(value);
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

/** Whether it is a number in Dovecot's eyes: decimal digits, signed or not, of 64 bits. */
function isNumber(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
