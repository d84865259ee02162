/**
 * The commands in the body of a request.
 *
 * @module
 */

import {
  type DovecotVersion,
  longOption,
  type ParameterInfo,
  type ParameterValue,
  type ParameterValues,
} from "../../../core/doveadm/catalogue/mod.ts";
import { typeIn, userParameters } from "../../../core/doveadm/catalogue/arguments.ts";
import { decodeUtf8Strictly, LocalProtocolError } from "../../../core/mod.ts";
import { isMask, namesInList } from "../../chosen_users.ts";
import { CommandFailure } from "../command_failure.ts";
import type { Refusal } from "./answer_form.ts";
import { type JsonNode, JsonTextError, readJson } from "./json_text.ts";
import {
  camelCase,
  type OfferedCommand,
  type OfferedCommands,
  type TitledColumn,
} from "./offered_commands.ts";

/** The users that a command acts on. */
export type ChosenUsers =
  /** No user, or one. */
  | { readonly type: "one"; readonly user: string | undefined }
  /** All whose names match. */
  | { readonly type: "mask"; readonly mask: string }
  /** These. */
  | { readonly type: "names"; readonly names: readonly string[] };

/** A command to run. */
export interface BatchCommand {
  readonly offered: OfferedCommand;
  /** Its parameters as arguments, without the choice of users and the input. */
  readonly args: readonly string[];
  readonly users: ChosenUsers;
  /** The command's input; `undefined` for none. */
  readonly input: string | undefined;
  /** The columns, or the failure of a command that returns rows and can't have any. */
  readonly columns: readonly TitledColumn[] | CommandFailure;
}

/** An element of a batch: a command, or why it can't run, and the tag of its answer. */
export interface BatchItem {
  readonly tag: string;
  readonly command:
    | BatchCommand
    | { readonly refusal: Refusal }
    | { readonly failure: CommandFailure };
}

/** Limits on a batch. */
export interface BatchLimits {
  /** How many commands there may be. */
  readonly commands: number;
  /** How many values there may be. */
  readonly values: number;
}

/** A body that is no batch, with the text for the client. */
export class BatchError extends Error {}

/** How deep a body may be nested; a batch needs 4 levels. */
const depth = 64;

/**
 * Reads the body of a request. Nothing of it runs before all of it is read.
 *
 * Throws a {@linkcode BatchError} where Dovecot answers with status 400. Source: Dovecot's
 * src/doveadm/client-connection-http.c.
 */
export function readBatch(
  body: Uint8Array,
  offered: OfferedCommands,
  limits: BatchLimits,
): readonly BatchItem[] {
  const root = parse(body, offered.version, limits);
  if (root.type !== "array") throw noArray(offered.version);
  if (root.items.length > limits.commands) {
    throw new BatchError(`There are more than ${limits.commands} commands`);
  }
  const room = new Room(limits.values);
  return root.items.map((node) => readItem(node, offered, room));
}

/** Counts the values that commands have in lists inside of a text. */
class Room {
  readonly #values: number;
  #left: number;

  constructor(values: number) {
    this.#values = this.#left = values;
  }

  /** Throws if a text has more values than may still come; counted before it is taken apart. */
  take(text: string, separator: string): void {
    for (let at = 0; (at = text.indexOf(separator, at) + 1) > 0;) {
      if (--this.#left < 0) throw new BatchError(`There are more than ${this.#values} values`);
    }
  }
}

function parse(body: Uint8Array, version: DovecotVersion, { values }: BatchLimits): JsonNode {
  const text = decodeUtf8Strictly(body);
  // 2.3 lets it through; input would be saved with other bytes than were sent.
  if (text === undefined) throw parseError("Invalid UTF-8 character");
  // The beginning of another value is enough for Dovecot to refuse it.
  if (/^[ \t\r\n]*[{"\d-]/.test(text)) throw noArray(version);
  try {
    return readJson(text, { depth, values, allowsControls: version === "2.3" });
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw parseError(version === "2.3" ? messageOf23(error) : error.message);
  }
}

function noArray(version: DovecotVersion): BatchError {
  return version === "2.3"
    ? new BatchError("Request must be a JSON array")
    : parseError("Root is not an array");
}

/** What 2.3 says of invalid JSON, by the beginnings of what 2.4 says. */
const messages23: readonly (readonly [of24: string, of23: string])[] = [
  ["Spurious data", "Unexpected data at the end"],
  ["Expected value", "Invalid data as value"],
  ["Expected string", "Expected string as object key"],
  ["Expected ':'", "Expected ':' after key"],
  ["Expected ',' or ']'", "Expected ',' or '}' after array value"],
  ["Expected ',' or '}'", "Expected ',' or '}' after object value"],
  ["String contains lonely", "Invalid unicode escape seen"],
  ["String contains", "Invalid escape string"],
];

function messageOf23({ isEnd, message }: JsonTextError): string {
  if (isEnd) return "Missing '}'";
  return messages23.find(([of24]) => message.startsWith(of24))?.[1] ?? message;
}

function parseError(why: string): BatchError {
  return new BatchError(`JSON parse error: ${why}`);
}

function readItem(node: JsonNode, offered: OfferedCommands, room: Room): BatchItem {
  if (node.type !== "array") throw new BatchError("Command must be a JSON array");
  const [name, parameters, tag, ...others] = node.items;
  if (name?.type !== "string") throw new BatchError("Command name must be a string");
  refuseNul(name, offered.version);
  const found = offered.find(name.text);
  if (found !== undefined && parameters?.type !== "object") {
    throw new BatchError("Parameters must be contained in a JSON object");
  }
  const values = found === undefined
    ? undefined
    : readParameters(parameters as JsonNode & { type: "object" }, found, offered.version);
  if (tag?.type !== "string") throw new BatchError("Command ID must be a string");
  refuseNul(tag, offered.version);
  if (others.length > 0) throw new BatchError("Unexpected JSON element at end of command");
  if (found === undefined) return { tag: tag.text, command: { refusal: "unknownMethod" } };
  if (values === undefined) return { tag: tag.text, command: { refusal: "invalidRequest" } };
  return { tag: tag.text, command: commandOf(found, values, { version: offered.version, room }) };
}

/** The parameters by name; `undefined` for an invalid request. */
function readParameters(
  { members }: JsonNode & { type: "object" },
  { info, parameters }: OfferedCommand,
  version: DovecotVersion,
): ParameterValues | undefined {
  const values: Record<string, ParameterValue> = Object.create(null);
  for (const [key, node] of members) {
    refuseNul({ type: "string", text: key }, version);
    const name = camelCase(key);
    const parameter = parameters.find((each) => each.name === name);
    if (parameter === undefined) return undefined;
    if (name in values) {
      throw new BatchError(`Parameter \`${wireName(parameter)}' is duplicated`);
    }
    if (name !== info.input) refuseNul(node, version);
    const value = name === info.input || info.mail && name === "userFile"
      ? readInput(node, parameter, version)
      : readValue(node, { parameter, ofMail: info.mail === true, version });
    if (value === undefined) return undefined;
    values[name] = value;
  }
  return values;
}

/** Throws if there is a NUL, as Dovecot does. Input carries it here, which 2.4 refuses as well. */
function refuseNul(node: JsonNode, version: DovecotVersion): void {
  for (const each of node.type === "array" ? node.items : [node]) {
    if (each.type !== "string" || !each.text.includes("\0")) continue;
    throw parseError(
      version === "2.3"
        ? "\\u0000 not supported in strings"
        : "String contains escaped NUL character",
    );
  }
}

/** A parameter's name as Dovecot spells it: "mailbox-mask". */
function wireName({ name }: ParameterInfo): string {
  return longOption(name).slice(2);
}

/** A file: input, or names of users; `undefined` for an invalid one, of which 2.3 answers nothing. */
function readInput(
  node: JsonNode,
  parameter: ParameterInfo,
  version: DovecotVersion,
): string | undefined {
  if (node.type === "string") return node.text;
  if (version === "2.3") return undefined;
  throw new BatchError(`Parameter \`${wireName(parameter)}' must be a string`);
}

/** A parameter's value; `undefined` for an invalid one. */
function readValue(
  node: JsonNode,
  { parameter, ofMail, version }: {
    readonly parameter: ParameterInfo;
    readonly ofMail: boolean;
    readonly version: DovecotVersion;
  },
): ParameterValue | undefined {
  const type = typeIn(parameter, version);
  const must = (what: string) =>
    new BatchError(`Parameter \`${wireName(parameter)}' must be ${what}`);
  if (type === "array") {
    if (node.type === "array") return node.items.map(itemOf);
    if (node.type !== "string") throw must("string or array");
    return [node.text];
  }
  // 2.3 takes the object's end for that of the parameters.
  if (node.type === "object" && type === "string" && version === "2.3") {
    throw new BatchError("Command ID must be a string");
  }
  if (node.type === "array" || node.type === "object") return undefined;
  // 2.3 dies of null.
  if (isNull(node) && version === "2.3") return undefined;
  const text = isNull(node) && type === "string" ? "" : node.text;
  if (type === "string") return text;
  if (type === "integer") return readInteger(text);
  if (text === "true" || text === "false") return text === "true";
  // 2.3 takes any other value for false, but only asks whether an option of a mail command was given.
  if (version === "2.3") return ofMail && !userParameters.has(parameter.name);
  throw must(`\`true' or \`false', not \`${text}'`);
}

function isNull({ type, text }: JsonNode & { readonly text: string }): boolean {
  return type === "word" && text === "null";
}

function itemOf(node: JsonNode): string {
  if (node.type === "string") return node.text;
  // Both versions lack the space.
  throw new BatchError("Command parameter array can only containstring values");
}

function readInteger(text: string): bigint | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function commandOf(
  offered: OfferedCommand,
  values: ParameterValues,
  { version, room }: { readonly version: DovecotVersion; readonly room: Room },
): BatchCommand | { readonly failure: CommandFailure } {
  const { info } = offered;
  const input = info.input === undefined ? undefined : values[info.input];
  try {
    return {
      offered,
      args: argumentsOf(offered, values, { version, room }),
      users: usersOf(offered, values, { version, room }),
      input: input as string | undefined,
      columns: columnsFor(offered, values, version),
    };
  } catch (error) {
    // Dovecot closes the connection for these, without a response.
    return { failure: usageFailure(error) };
  }
}

function usageFailure(error: unknown): CommandFailure {
  if (!(error instanceof LocalProtocolError)) throw error;
  return new CommandFailure("USAGE", { log: error.message });
}

/**
 * The parameters as arguments, each a long option. What the values mean is for the handler to decide, as for the
 * arguments of socket clients. Throws a `LocalProtocolError` if one is missing.
 */
function argumentsOf(
  { info, parameters }: OfferedCommand,
  values: ParameterValues,
  { version, room }: { readonly version: DovecotVersion; readonly room: Room },
): string[] {
  const { name: command, input, mail, needsOneOf = [] } = info;
  const possible = parameters.filter(({ name }) => needsOneOf.includes(name));
  if (possible.length > 0 && possible.every(({ name }) => values[name] === undefined)) {
    const names = possible.map(({ name }) => `"${name}"`).join(" or ");
    throw new LocalProtocolError(`"${command}" needs the parameter ${names}. Set one of them.`);
  }
  return parameters.flatMap(({ name, required, joined }) => {
    const value = values[name];
    if (value === undefined && required) {
      throw new LocalProtocolError(`"${command}" needs the parameter "${name}". Set it.`);
    }
    if (value === undefined || name === input) return [];
    if (mail && userParameters.has(name)) return [];
    const option = longOption(name);
    if (typeof value === "boolean") return value ? [option] : [];
    if (typeof value !== "object") return [`${option}=${value}`];
    const items = joined && version === "2.3" ? joinedWords(value, room) : value;
    // A list of no fields or flags is given, too.
    return (joined && items.length === 0 ? [""] : items).map((item) => `${option}=${item}`);
  });
}

/** The columns, or why there are none: a command that returns no row needs none. */
function columnsFor(
  offered: OfferedCommand,
  values: ParameterValues,
  version: DovecotVersion,
): BatchCommand["columns"] {
  try {
    return offered.columns(withTypes(values, offered, version));
  } catch (error) {
    return usageFailure(error);
  }
}

/** The values in the types of the newest version. */
function withTypes(
  values: ParameterValues,
  { parameters }: OfferedCommand,
  version: DovecotVersion,
): ParameterValues {
  const typed: Record<string, ParameterValue> = Object.create(null);
  for (const parameter of parameters) {
    const value = values[parameter.name];
    if (value === undefined) continue;
    typed[parameter.name] = value;
    if (version === "2.3" && parameter.joined === true) {
      typed[parameter.name] = joinedWords(value as readonly string[]);
    }
    if (typeIn(parameter, version) === parameter.type) continue;
    if (parameter.type === "array") typed[parameter.name] = [String(value)];
    else if (parameter.type === "integer") typed[parameter.name] = integerOf(parameter, value);
  }
  return typed;
}

/** The words of a list: 2.3 joins the items with spaces, and takes what is between spaces. */
function joinedWords(items: readonly string[], room?: Room): string[] {
  const text = items.join(" ");
  room?.take(text, " ");
  return text.split(" ").filter((each) => each !== "");
}

function integerOf({ name }: ParameterInfo, value: ParameterValue): bigint {
  const integer = readInteger(String(value));
  if (integer !== undefined) return integer;
  throw new LocalProtocolError(`The parameter "${name}" has to be an integer.`);
}

function usersOf(
  { info }: OfferedCommand,
  values: ParameterValues,
  { version, room }: { readonly version: DovecotVersion; readonly room: Room },
): ChosenUsers {
  const { user, allUsers, userFile } = values;
  if (!info.mail) return { type: "one", user: undefined };
  // In 2.3 a list counts more than "allUsers", and so does a mask.
  const isOld = version === "2.3";
  if (allUsers === true && !(isOld && (userFile !== undefined || isMask(String(user ?? ""))))) {
    return { type: "mask", mask: "*" };
  }
  if (userFile !== undefined) {
    room.take(String(userFile), "\n");
    return { type: "names", names: namesInList(String(userFile)) };
  }
  if (user === undefined) {
    throw new LocalProtocolError(`"${info.name}" acts on a user's mail. Set "user".`);
  }
  const name = String(user);
  return isMask(name) ? { type: "mask", mask: name } : { type: "one", user: name };
}

/** The arguments of the command that lists the users whose names match a mask. */
export function listingArguments(mask: string): readonly string[] {
  return [`${longOption("userMask")}=${mask}`];
}
