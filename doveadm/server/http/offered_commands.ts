/**
 * The commands that an HTTP API offers: Dovecot's own by the catalogue, and others by their descriptions.
 *
 * @module
 */

import {
  columnsOf,
  type CommandInfo,
  commands,
  type DovecotVersion,
  existsIn,
  findCommand,
  type ParameterInfo,
  type ParameterType,
  type ParameterValues,
  type ReplyColumn,
} from "../../../core/doveadm/catalogue/mod.ts";
import { typeIn } from "../../../core/doveadm/catalogue/arguments.ts";
import { LocalProtocolError, quoteText } from "../../../core/mod.ts";
import { checkOptions, isTextList } from "../../../core/option_checks.ts";

/** A command that the catalogue lacks, or a description to use instead of the catalogue's. */
export interface HttpCommandInfo {
  /** Its name for the handler, words separated by spaces: "session list". Over HTTP it is "sessionList". */
  readonly name: string;
  /** The types of its parameters by their names; "integer" has 64 bits, "array" is of strings. */
  readonly parameters?: Readonly<Record<string, ParameterType>>;
  /** The parameters that are required. */
  readonly required?: readonly string[];
  /** The parameter, a string, that the handler gets as the command's input. */
  readonly input?: string;
  /** Whether it acts on a user's mail, and so takes "user", "allUsers" and "userFile" as well. */
  readonly mail?: boolean;
  /** The titles of its columns, in the order of the values; a function of its parameters if they differ. */
  readonly columns?:
    | readonly string[]
    | ((parameters: ParameterValues) => readonly string[]);
}

/** A column of an answer. */
export interface TitledColumn {
  /** The key of its values. */
  readonly title: string;
  /** Whether its values are raw bytes. */
  readonly isBinary: boolean;
  /** Whether its values are numbers in JSON. */
  readonly isNumber: boolean;
  /** The column in the catalogue, if it has it. */
  readonly column?: ReplyColumn;
}

/** A command that is offered. */
export interface OfferedCommand {
  /** Its entry, in the form of the catalogue. */
  readonly info: CommandInfo;
  /** Its parameters in the version of the API. */
  readonly parameters: readonly ParameterInfo[];
  /** Its columns. Throws a `LocalProtocolError` for parameters that it doesn't take. */
  readonly columns: (values: ParameterValues) => readonly TitledColumn[];
}

/** The columns that Dovecot prints as numbers; all others are strings. */
const numbers: Readonly<Record<string, (key: string) => boolean>> = {
  "stats dump": (key) => key !== "metric_name" && key !== "field",
  "fs stat": (key) => key === "size",
  "mail fs stat": (key) => key === "size",
};

/** The commands that an API offers. */
export class OfferedCommands {
  readonly version: DovecotVersion;
  /** By their names over HTTP. */
  readonly #commands = new Map<string, OfferedCommand>();

  /**
   * Takes names of the catalogue and descriptions; all commands of the version if left out. Throws a
   * `LocalProtocolError` for an unknown name or an invalid description.
   */
  constructor(version: DovecotVersion, offered?: readonly (string | HttpCommandInfo)[]) {
    this.version = version;
    if (offered !== undefined && !Array.isArray(offered)) {
      throw new LocalProtocolError(
        '"commands" is not an array. Set it to one of names and descriptions, or leave it out.',
      );
    }
    for (const each of offered ?? Object.keys(commands)) {
      const command = typeof each === "string" ? this.#known(each) : described(each);
      const { info } = command;
      if (existsIn(info, version)) this.#commands.set(info.method, command);
      else if (offered !== undefined) throw notThere(info.name, version);
    }
  }

  /** A command by its name, in camel case or with spaces or dashes; `undefined` if it isn't offered. */
  find(name: string): OfferedCommand | undefined {
    return this.#commands.get(camelCase(name));
  }

  /** The list of the commands, as `GET /doveadm/v1` returns it. */
  list(): { command: string; parameters: { name: string; type: string }[] }[] {
    return Array.from(this.#commands.values(), ({ info, parameters }) => ({
      command: info.method,
      parameters: parameters.map((parameter) => ({
        name: parameter.name,
        type: typeIn(parameter, this.version),
      })),
    }));
  }

  #known(name: string): OfferedCommand {
    const { version } = this;
    const info = findCommand(name);
    if (info === undefined) throw notThere(name, version);
    return {
      info,
      parameters: info.parameters.filter((parameter) => existsIn(parameter, version)),
      columns: (values) =>
        columnsOf(info.columns[version], values, version).map((column) => titled(info, column)),
    };
  }
}

/** A name in camel case: "mailboxMask" for "mailbox-mask". */
export function camelCase(name: string): string {
  return name.replaceAll(/[ -](.?)/g, (_, letter: string) => letter.toUpperCase());
}

function titled(info: CommandInfo, column: ReplyColumn): TitledColumn {
  const title = column.asked ?? column.key;
  const isNumber = Object.hasOwn(numbers, info.name) && numbers[info.name](title);
  // Dovecot's titles are in lower case, in whatever case a field of "fetch" was requested.
  return {
    title: info.name === "fetch" ? title.toLowerCase() : title,
    isBinary: column.type === "bytes",
    isNumber,
    column,
  };
}

function described(description: HttpCommandInfo): OfferedCommand {
  checkOptions(description, {
    objects: ["parameters"],
    booleans: ["mail"],
    texts: ["input"],
  });
  checkDescription(description);
  const { name, parameters = {}, required = [], input, mail = false, columns = [] } = description;
  const own = Object.entries(parameters).map(([name, type]): ParameterInfo => ({
    ...{ name, type, since: "2.3" },
    ...(required.includes(name) ? { required: true } : {}),
  }));
  const all = mail ? [...userChoice, ...own] : own;
  const info: CommandInfo = {
    ...{ name, method: camelCase(name), summary: "", since: "2.3" },
    ...{ mail, alone: true, changes: true },
    answer: "rows",
    ...(input === undefined ? {} : { input }),
    parameters: all,
    columns: {},
  };
  const titles = typeof columns === "function" ? columns : () => columns;
  return {
    info,
    parameters: all,
    columns: (values) =>
      checkedTitles(name, titles(values))
        .map((title) => ({ title, isBinary: false, isNumber: false })),
  };
}

/** The titles, if they are a list of texts. */
function checkedTitles(command: string, titles: unknown): readonly string[] {
  if (isTextList(titles)) return titles;
  throw new LocalProtocolError(
    `The "columns" of ${
      quoteText(command)
    } are not an array of strings. Set them to one, or return one.`,
  );
}

const userChoice: readonly ParameterInfo[] = [
  { name: "allUsers", type: "boolean", since: "2.3" },
  { name: "user", type: "string", since: "2.3" },
  { name: "userFile", type: "string", since: "2.3" },
];

const types: readonly ParameterType[] = ["string", "integer", "boolean", "array"];

function checkDescription(
  { name, parameters = {}, required = [], input, columns = [] }: HttpCommandInfo,
): void {
  const invalid = (what: string) =>
    new LocalProtocolError(`The description of the command ${quoteText(String(name))} ${what}.`);
  if (typeof name !== "string" || name === "" || name.trim() !== name) {
    throw invalid('needs a name, like "session list"');
  }
  for (const [parameter, type] of Object.entries(parameters)) {
    if (camelCase(parameter) !== parameter || parameter === "") {
      throw invalid(`has the parameter ${quoteText(parameter)}. Write it in camel case`);
    }
    if (!types.includes(type)) {
      throw invalid(`has a parameter of another type than ${types.join(", ")}`);
    }
  }
  if (!isTextList(required)) throw invalid('has a "required" that is not an array of strings');
  if (typeof columns !== "function") checkedTitles(name, columns);
  const missing = [...required, ...(input === undefined ? [] : [input])]
    .find((parameter) => !Object.hasOwn(parameters, parameter));
  if (missing !== undefined) {
    throw invalid(`names ${quoteText(missing)}, which is not one of its parameters`);
  }
  if (input !== undefined && parameters[input] !== "string") {
    throw invalid("has an input that is not of the type string");
  }
}

function notThere(name: string, version: DovecotVersion): LocalProtocolError {
  return new LocalProtocolError(
    `${quoteText(String(name))} is not a command of Dovecot ${version}. Describe it, with its ` +
      "parameters and columns, if it is your own.",
  );
}
