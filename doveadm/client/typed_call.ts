/**
 * A command with named parameters, and its rows.
 *
 * @module
 */

import { decodeUtf8, LocalProtocolError, quoteText, RemoteProtocolError } from "../../core/mod.ts";
import {
  areVersioned,
  checkParameters,
  columnsOf,
  type CommandInfo,
  type DovecotVersion,
  findCommand,
  givenParameters,
  isLasting,
  parametersToSend,
  type ParameterValue,
  type ParameterValues,
  type ReplyColumn,
} from "../../core/doveadm/catalogue/mod.ts";
import { nameForMessages } from "../../core/doveadm/command.ts";
import { encodeCheckedArguments, valueOf } from "../../core/doveadm/catalogue/arguments.ts";
import { isMask, namesInList } from "../chosen_users.ts";
import type { HttpValue } from "../http/request_body.ts";
import type { Input } from "./input.ts";
import { RowMaker } from "./row_maker.ts";
import { checkNamedValues } from "./request.ts";
import type { RunOptions } from "./run_options.ts";
import { type ListRoom, readValue, type Value, type ValueOptions } from "./values.ts";

/** A row: values by the keys of their columns. */
export type Row = Record<string, Value>;

/** A copy of parameters, so that later changes by the caller bypass no check, and reach no call that waits. */
function copyOf(parameters: object): ParameterValues {
  const values: Record<string, ParameterValue> = { ...parameters };
  for (const name in values) {
    const value = values[name];
    if (Array.isArray(value)) values[name] = value.slice();
  }
  return values;
}

/** A JSON value. */
type JsonValue = string | number | boolean | null;

/** Selects the users whose mail a command acts on, if that is not a single one. */
export type Users = { readonly mask: string } | { readonly names: readonly string[] };

/** The key of the column with the user's name. */
export const userColumn = "username";

/** Options for a {@linkcode TypedCall}. */
export interface CallOptions extends ValueOptions, Pick<RunOptions, "iterate"> {}

/** A command and its parameters. */
export class TypedCall {
  /** The command's entry in the catalogue. */
  readonly info: CommandInfo;
  /** The users whose mail the command acts on, if there may be several. */
  readonly users: Users | undefined;
  readonly #values: ParameterValues;
  readonly #options: CallOptions;
  readonly #arguments: Partial<Record<DovecotVersion, readonly string[]>> = {};
  readonly #columns: Partial<Record<DovecotVersion, readonly ReplyColumn[]>> = {};
  #given: readonly string[] | undefined;

  /**
   * Creates a call; throws a `LocalProtocolError` for a command that the catalogue lacks, and for
   * parameters that no version accepts.
   */
  constructor(name: string, parameters: object, options: CallOptions = {}) {
    const info = findCommand(name);
    if (info === undefined) {
      throw new LocalProtocolError(
        `The catalogue has no command ${
          nameForMessages(name)
        }. Send it with send(), which needs no entry.`,
      );
    }
    if (info.answer === "rows" && Object.keys(info.columns).length === 0) {
      throw new LocalProtocolError(
        `The columns of "${name}" aren't known in advance. Use send() for it.`,
      );
    }
    checkNamedValues(name, parameters);
    const values = copyOf(parameters);
    checkParameters(info, values);
    this.info = info;
    this.#values = values;
    this.#options = options;
    this.users = this.#chosenUsers();
    this.#checkUser();
    // Throws for fields that no version has.
    this.columnsFor(info.until ?? "2.4");
  }

  /** The user whose mail the command acts on, if it is a single one. */
  get user(): string | undefined {
    return this.users === undefined ? this.#choice("user") : undefined;
  }

  /** Whether the call is one command, in which the server goes through several users. */
  get isIteratedByServer(): boolean {
    return this.users !== undefined && this.#options.iterate === "server";
  }

  /** The names of the given parameters. */
  get given(): readonly string[] {
    return this.#given ??= Object.keys(this.#values).filter((name) =>
      this.#values[name] !== undefined
    );
  }

  /** The command's input, if it takes any. */
  get input(): Input | undefined {
    const { input } = this.info;
    // Whatever the types say, this parameter is the caller's input.
    return input === undefined ? undefined : valueOf(this.#values, input) as Input | undefined;
  }

  /** The same call with its input replaced: by one that can be sent several times. */
  withInput(input: Input): TypedCall {
    return new TypedCall(
      this.info.name,
      { ...this.#values, [this.info.input!]: input },
      this.#options,
    );
  }

  /** Whether the request or its rows depend on the server's version. */
  get dependsOnVersion(): boolean {
    const { parameters, columns } = this.info;
    return !isLasting(this.info) ||
      JSON.stringify(columns["2.3"]) !== JSON.stringify(columns["2.4"]) ||
      parameters.some((parameter) =>
        (!isLasting(parameter) || parameter.typeIn !== undefined) &&
        valueOf(this.#values, parameter.implied?.by ?? parameter.name) !== undefined
      ) ||
      parameters.some((parameter) => !isLasting(parameter) && parameter.required) ||
      areVersioned(this.info, this.#values) ||
      !this.#hasLastingFields();
  }

  /** Whether all versions have the requested fields. */
  #hasLastingFields(): boolean {
    try {
      this.columnsFor("2.3");
      this.columnsFor("2.4");
      return true;
    } catch {
      return false;
    }
  }

  /** The arguments as on doveadm's command line; throws a `LocalProtocolError` for bad parameters. */
  argumentsFor(version: DovecotVersion): readonly string[] {
    return this.#arguments[version] ??= this.#encodeArguments(version);
  }

  #encodeArguments(version: DovecotVersion): string[] {
    const args = encodeCheckedArguments(this.info, this.#valuesFor(version), version);
    if (!this.isIteratedByServer) return args;
    this.#checkIteration(version);
    return ["--all-users", ...args];
  }

  /** The parameters of the command's call over HTTP, without its input. */
  parametersFor(version: DovecotVersion): Record<string, HttpValue> {
    const given = givenParameters(this.info, this.#valuesFor(version), version);
    return Object.fromEntries(
      given.map(([{ name }, value]): [string, HttpValue] => [name, value])
        .filter(([name]) => name !== this.info.input),
    );
  }

  /**
   * The columns of the command's rows, without that of the user's name. `optional` ones are sent by some
   * servers of the version only.
   */
  columnsFor(version: DovecotVersion): readonly ReplyColumn[] {
    return this.#columns[version] ??= columnsOf(this.info.columns[version], this.#values, version);
  }

  /** The columns of the rows that a server sends in its own protocol. */
  replyColumnsFor(version: DovecotVersion): readonly ReplyColumn[] {
    const columns = this.columnsFor(version);
    return this.isIteratedByServer && columns.length > 0
      ? [{ key: userColumn, type: "string" }, ...columns]
      : columns;
  }

  /** A row from the values of its columns. Throws a `RemoteProtocolError` for an invalid value. */
  rowOf(
    columns: readonly ReplyColumn[],
    values: readonly (Uint8Array | JsonValue)[],
    room: ListRoom,
  ): Row {
    return Object.fromEntries(columns.map((column, at) => [
      column.asked ?? column.key,
      readValue(column, values[at], room, this.#options),
    ]));
  }

  /** A maker of rows that have these columns, none of which has bytes. */
  rowMaker(columns: readonly ReplyColumn[], room: ListRoom): RowMaker {
    return new RowMaker(columns, room, this.#options);
  }

  /** The rows of the JSON text that `user` answers with: one for each user. */
  rowsOfJson(text: Uint8Array | string): Row[] {
    return rowsOfUsers(parseJson(this.info.name, text));
  }

  /** The error for values that don't make whole rows. */
  wrongCount(values: number, columns: number): RemoteProtocolError {
    return new RemoteProtocolError(
      `"${this.info.name}" returned ${values} values, which is no multiple of ` +
        `${columns} columns. It may be another command on this server. Use send(), which returns the values as they come.`,
      { sent: true },
    );
  }

  #valuesFor(version: DovecotVersion): ParameterValues {
    return parametersToSend(this.info.columns[version], this.#values, version);
  }

  #choice(name: "user" | "userFile"): string | undefined {
    const value = this.info.mail ? valueOf(this.#values, name) : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  }

  #chosenUsers(): Users | undefined {
    if (!this.info.mail) return undefined;
    if (valueOf(this.#values, "allUsers") === true) return { mask: "*" };
    const list = this.#choice("userFile");
    if (list === undefined) {
      const user = this.#choice("user");
      return user !== undefined && isMask(user) ? { mask: user } : undefined;
    }
    if (this.#options.iterate === "server") {
      throw new LocalProtocolError(
        `With iterate: "server", "userFile" can't choose the users of "${this.info.name}". Leave "iterate" out.`,
      );
    }
    return { names: namesInList(list) };
  }

  /** Throws a `LocalProtocolError` for users through whom a server of a version can't go by itself. */
  #checkIteration(version: DovecotVersion): void {
    const { users } = this;
    if (version !== "2.3" && users !== undefined && "mask" in users && users.mask === "*") return;
    throw new LocalProtocolError(
      `With iterate: "server", "${this.info.name}" ${
        version === "2.3"
          ? 'needs Dovecot 2.4, and the server has 2.3. Leave "iterate" out'
          : 'takes all users and no mask. Set "allUsers", or leave "iterate" out'
      }, or use HTTP.`,
    );
  }

  /** A server closes the connection if there is no user; of several choices, the caller may mean any. */
  #checkUser(): void {
    if (!this.info.mail) return;
    const choices = Number(this.#choice("user") !== undefined) +
      Number(this.#choice("userFile") !== undefined) +
      Number(valueOf(this.#values, "allUsers") === true);
    if (choices === 1) return;
    if (choices > 1) {
      throw new LocalProtocolError(
        `More than one parameter chooses the users of "${this.info.name}". Set one of "user", "userFile" ` +
          'and "allUsers".',
      );
    }
    throw new LocalProtocolError(
      `"${this.info.name}" acts on a user's mail. Set "user", or "allUsers: true".`,
    );
  }
}

/** A row that starts with the user's name. */
export function withUser(username: string, row: Row): Row {
  return { [userColumn]: username, ...row };
}

/** The rows of the object that `user` answers with. */
export function rowsOfUsers(answer: unknown): Row[] {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
    throw unexpectedUsers("JSON that is not an object");
  }
  if (Object.hasOwn(answer, "userList")) {
    const { userList } = answer as { readonly userList?: unknown };
    if (Array.isArray(userList) && userList.every((name) => typeof name === "string")) {
      return userList.map((name) => ({ [userColumn]: name }));
    }
    throw unexpectedUsers("a list of users in which not all are names");
  }
  return Object.entries(answer).map(([name, fields]) => {
    if (typeof fields === "object" && fields !== null && !Array.isArray(fields)) {
      return withUser(name, fields);
    }
    throw unexpectedUsers(`fields of ${quoteText(name)} that are not an object`);
  });
}

/** A user's name from JSON. Throws a `RemoteProtocolError` if it is not a text. */
export function readName(name: unknown): string {
  if (typeof name === "string" || typeof name === "number") return String(name);
  throw new RemoteProtocolError("The server sent a row whose user's name is not a text.", {
    sent: true,
  });
}

function unexpectedUsers(what: string): RemoteProtocolError {
  return new RemoteProtocolError(`"user" was answered with ${what}.`, { sent: true });
}

function parseJson(command: string, text: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof text === "string" ? text : decodeUtf8(text));
  } catch {
    // The runtime's own error quotes the text, which may contain anything.
    throw new RemoteProtocolError(`"${command}" was answered with invalid JSON.`, {
      sent: true,
    });
  }
}
