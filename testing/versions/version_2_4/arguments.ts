/**
 * The arguments of a command, as Dovecot 2.4 reads them.
 *
 * @module
 */

import {
  type GivenOptions,
  type Option,
  parseOptions,
} from "../../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";

/**
 * Parses the words after a command's name. Two things differ from 2.3: an invalid number is refused, and a
 * parameter that can be an option or a word with spaces is a list in both forms, so that its word is skipped
 * if the option is given.
 */
export function parseArguments24(
  args: readonly string[],
  options: readonly Option[],
): GivenOptions {
  const given = parseOptions(args, options.map(withText));
  for (const { name, type } of options) {
    const text = type === "number" ? given.text(name) : undefined;
    if (text === undefined || /^\d+$/.test(text)) continue;
    throw new LocalProtocolError(`Invalid parameter: Invalid number: ${text}`);
  }
  return new JoinedOptions(given, options);
}

/** An option that keeps its text, if it is a number. */
function withText(option: Option): Option {
  return option.type === "number" ? { ...option, type: "string" } : option;
}

/** Options whose joined parameters are lists, wherever their values stood. */
class JoinedOptions implements GivenOptions {
  readonly #given: GivenOptions;
  /** The words of joined parameters, by the parameter's name. */
  readonly #words: ReadonlyMap<string, string>;
  readonly #joined: ReadonlySet<string>;

  constructor(given: GivenOptions, options: readonly Option[]) {
    this.#given = given;
    const joined = options.filter(({ name }) => options.some((it) => it.name === wordOf(name)));
    this.#joined = new Set(joined.map(({ name }) => wordOf(name)));
    this.#words = new Map(joined.flatMap(({ name }) => {
      const word = given.has(name) ? undefined : given.text(wordOf(name));
      return word === undefined ? [] : [[name, word]];
    }));
  }

  has(name: string): boolean {
    return this.#words.has(name) || (!this.#joined.has(name) && this.#given.has(name));
  }

  text(name: string): string | undefined {
    return this.#joined.has(name) ? undefined : this.#given.text(name);
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }

  list(name: string): readonly string[] {
    const word = this.#words.get(name);
    return word === undefined
      ? this.#given.list(name)
      : word.split(" ").filter((part) => part !== "");
  }
}

/** The name under which a joined parameter's word is parsed. */
function wordOf(name: string): string {
  return `${name}str`;
}
