/**
 * A command as it was written, for a server of a version: its arguments, and the columns of its rows.
 *
 * @module
 */

import { LocalProtocolError } from "@dovewire/dovewire/core";
import { parseQuery } from "@dovewire/dovewire/core/doveadm";
import {
  checkParameters,
  columnsOf,
  type CommandInfo,
  decodeArguments,
  type DovecotVersion,
  encodeArguments,
  existsIn,
  type ParameterValue,
  type ReplyColumn,
} from "@dovewire/dovewire/core/doveadm/catalogue";
import { UsageError } from "../command_line/usage_error.ts";
import { exitCodes } from "../output/exit_codes.ts";

/** The users whose mail a command acts on. */
export type Users =
  /** The command isn't about mail, or about that of the server's own user. */
  | { readonly type: "none" }
  | { readonly type: "one"; readonly user: string }
  /** All that match a mask. */
  | { readonly type: "mask"; readonly mask: string }
  /** Those in a file, one a line. */
  | { readonly type: "file"; readonly path: string };

/** A command's words, in which the choice of users and of the server is found. */
export interface Invocation {
  readonly info: CommandInfo;
  /** The command's own options and arguments. */
  readonly args: readonly string[];
  readonly users: Users;
  /** The server that `-S` names. */
  readonly socketPath: string | undefined;
  /** The local file that is the command's input; "-" for stdin, `undefined` for a command without one. */
  readonly inputFile: string | undefined;
}

/** A command for a server of a version. */
export interface VersionedCall {
  /** The arguments to send. */
  readonly args: readonly string[];
  /** The columns, without that of the user; `undefined` if the catalogue doesn't know them. */
  readonly columns: readonly ReplyColumn[] | undefined;
}

const versions: readonly DovecotVersion[] = ["2.4", "2.3"];

/** Parameters that are for the client, not for the server. */
const clientParameters = ["user", "allUsers", "userFile", "socketPath"] as const;

/** What stands before the command, from the options of the program. */
export type UserOptions = Readonly<Partial<Record<(typeof clientParameters)[number], string>>>;

/**
 * Finds out what a command's words mean, and refuses those that no version takes. Throws a `UsageError` with
 * doveadm's exit code.
 */
export function readInvocation(
  info: CommandInfo,
  args: readonly string[],
  before: UserOptions,
): Invocation {
  checkForAny(info, args);
  const values: Values = {
    ...before,
    ...firstOf(info, (version) => decode(info, args, version)),
  };
  const { input, mail } = info;
  const file = input === undefined ? undefined : values[input];
  const users = mail ? usersOf(info, values) : { type: "none" } as const;
  if (!mail && Object.keys(before).some((name) => name !== "socketPath")) {
    throw new UsageError(`"${info.name}" acts on no user's mail: leave the options for users out.`);
  }
  const inputFile = input === undefined ? undefined : typeof file === "string" ? file : "-";
  if (inputFile === "-" && users.type === "file" && users.path === "-") {
    throw new UsageError(
      `"-F -" reads the users from standard input, and "${info.name}" its input as well: name a file for one of ` +
        "them.",
    );
  }
  return {
    ...{ info, args, users, inputFile },
    socketPath: mail || "socketPath" in before ? textOf(values.socketPath) : undefined,
  };
}

type Values = Record<string, ParameterValue | undefined>;

/** Throws the newest version's error for words that no version takes. */
function checkForAny(info: CommandInfo, args: readonly string[]): void {
  firstOf(info, (version) => callFor(info, args, version));
}

/** The result for the newest version that has one; throws the error for `own`, or the newest one's, if there is none. */
function firstOf<Result>(
  info: CommandInfo,
  work: (version: DovecotVersion) => Result,
  own?: DovecotVersion,
): Result {
  const errors = new Map<DovecotVersion, unknown>();
  for (const version of versions.filter((version) => existsIn(info, version))) {
    try {
      return work(version);
    } catch (error) {
      errors.set(version, error);
    }
  }
  const [newest] = errors.keys();
  throw errors.get(own !== undefined && errors.has(own) ? own : newest);
}

/**
 * The command for a server of a version; throws a `UsageError` if it doesn't take the words.
 *
 * They are read by the newest version's rules if that makes a command for the server: 2.3 has other parameters for
 * a word such as the "user" of "copy", and what is sent names each parameter.
 */
export function callFor(
  info: CommandInfo,
  args: readonly string[],
  version: DovecotVersion,
): VersionedCall {
  return firstOf(info, (reader) => callOf(info, decode(info, args, reader), version), version);
}

function callOf(info: CommandInfo, values: Values, version: DovecotVersion): VersionedCall {
  if (info.mail) { for (const name of clientParameters) delete values[name]; }
  if (info.input !== undefined) values[info.input] = "";
  const missing = info.parameters.find(({ name, required, ...lifetime }) =>
    required && existsIn(lifetime, version) && values[name] === undefined
  );
  if (missing !== undefined) {
    throw new UsageError(
      `"${info.name}" needs a ${missing.name}. See "dovewire help ${info.name}".`,
    );
  }
  return {
    columns: columnsFor(info, values, version),
    args: encode(info, values, version),
  };
}

/** The parameters that the words set, by a version's rules. */
function decode(info: CommandInfo, args: readonly string[], version: DovecotVersion): Values {
  return asUsage(info, 64, () => decodeArguments(info, args, version));
}

function encode(info: CommandInfo, values: Values, version: DovecotVersion): readonly string[] {
  for (const { name, content } of info.parameters) {
    const words = values[name];
    if (content !== "query" && content !== "removal-query" || !Array.isArray(words)) continue;
    // For a query that it can't parse, doveadm's exit code is that of a failure.
    asUsage(info, 75, () => parseQuery(words, version));
  }
  return asUsage(info, 64, () => {
    checkParameters(info, values);
    return encodeArguments(info, values, version);
  });
}

function columnsFor(
  info: CommandInfo,
  values: Values,
  version: DovecotVersion,
): readonly ReplyColumn[] | undefined {
  if (info.answer !== "rows") return [];
  if (Object.keys(info.columns).length === 0) return undefined;
  const rule = info.columns[version];
  const isFetch = rule?.type === "fields" && rule.table === "fetch";
  // These exit codes are doveadm's for a field that it doesn't know, and so are names in lower case.
  return asUsage(
    info,
    isFetch ? 75 : 64,
    () => columnsOf(rule, isFetch ? lowerCased(values, rule.parameter) : values, version),
  );
}

/** The values with one list of names in lower case. */
function lowerCased(values: Values, parameter: string): Values {
  const names = values[parameter];
  return Array.isArray(names)
    ? { ...values, [parameter]: names.map((name: string) => name.toLowerCase()) }
    : values;
}

/** Runs a check of the catalogue, whose error becomes a `UsageError` with an exit code. */
function asUsage<Result>(info: CommandInfo, exitCode: number, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof LocalProtocolError)) throw error;
    const message = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
    const where = message.includes(info.name) ? "" : `${info.name}: `;
    throw new UsageError(`${where}${message}`, { cause: error, exitCode });
  }
}

function usersOf({ name }: CommandInfo, values: Values): Users {
  if (values.allUsers) return { type: "mask", mask: "*" };
  const path = textOf(values.userFile);
  if (path !== undefined) return { type: "file", path };
  if (values.noUserdbLookup) return { type: "none" };
  const user = textOf(values.user);
  if (user === undefined || user === "") {
    throw new UsageError(
      `"${name}" acts on a user's mail: add -u USER, -F FILE, or -A for all users.`,
      // Doveadm asks for a user whose name is empty, who doesn't exist.
      user === "" ? { exitCode: exitCodes.noUser } : {},
    );
  }
  return /[*?]/.test(user) ? { type: "mask", mask: user } : { type: "one", user };
}

function textOf(value: ParameterValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
