/**
 * A command's parameters as the arguments of its line.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import { contentFault, isContentVersioned } from "./contents.ts";
import type {
  CommandInfo,
  DovecotVersion,
  Lifetime,
  ParameterInfo,
  ParameterType,
} from "./command_info.ts";

/** What parameters may be. */
export type ParameterValue = string | number | bigint | boolean | readonly string[];

/** Parameters by their names, as over HTTP; one that is `undefined` or `false` counts as not given. */
export type ParameterValues = Readonly<Record<string, ParameterValue | undefined>>;

/** Whether a version has something. */
export function existsIn({ since, until }: Lifetime, version: DovecotVersion): boolean {
  return since <= version && (until === undefined || version <= until);
}

/** What a parameter's value is on a version. */
export function typeIn(parameter: ParameterInfo, version: DovecotVersion): ParameterType {
  return parameter.typeIn?.[version] ?? parameter.type;
}

/** Whether all versions of the catalogue have something. */
export function isLasting({ since, until }: Lifetime): boolean {
  return since === "2.3" && until === undefined;
}

/** The value of a parameter: a property of the object's own, and none that it inherits. */
export function valueOf(values: ParameterValues, name: string): ParameterValue | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/**
 * Checks parameters as far as that takes no version: that the command has them, that their values are
 * of their types and what some version takes, and that none is missing that all versions require.
 *
 * Throws a `LocalProtocolError` that names the parameter.
 */
export function checkParameters(info: CommandInfo, values: ParameterValues): void {
  checkNames(info, values);
  for (const parameter of info.parameters) {
    const value = valueOf(values, parameter.name);
    if (isGiven(value)) checkValue(info, parameter, value);
    else if (isLasting(parameter)) checkMissing(info, parameter);
  }
  checkMissingOneOf(info, values);
  checkSizes(info, values);
}

/** Whether it takes the version to say if parameters are right. */
export function areVersioned(info: CommandInfo, values: ParameterValues): boolean {
  return info.parameters.some((parameter) => {
    const value = valueOf(values, parameter.name);
    return isGiven(value) && isContentVersioned(parameter, value);
  });
}

/**
 * The parameters that were given, in the order of the catalogue, with those that they imply.
 *
 * Throws a `LocalProtocolError` where {@linkcode checkParameters} does, and where the version hasn't
 * the command or a parameter, or requires another.
 */
export function givenParameters(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): [parameter: ParameterInfo, value: Exclude<ParameterValue, false>][] {
  checkParameters(info, values);
  if (!existsIn(info, version)) {
    throw new LocalProtocolError(
      `"${info.name}" is no command of Dovecot ${version}${whenItExists(info)}.`,
    );
  }
  const given: [ParameterInfo, Exclude<ParameterValue, false>][] = [];
  for (const parameter of info.parameters) {
    const exists = existsIn(parameter, version);
    const value = valueOf(values, parameter.name) ??
      (exists ? impliedValue(parameter, values) : undefined);
    if (!isGiven(value)) {
      if (exists) checkMissing(info, parameter);
      continue;
    }
    if (!exists) {
      throw new LocalProtocolError(
        `"${info.name}" has no parameter "${parameter.name}" on Dovecot ${version}` +
          `${whenItExists(parameter)}.`,
      );
    }
    checkContent(info, parameter, value, version);
    given.push([parameter, valueFor(info, parameter, value, version)]);
  }
  checkMissingOneOf(info, values, version);
  return given;
}

/** A value as the version takes it, which may want a string for what others take as something else. */
function valueFor(
  { name: command }: CommandInfo,
  parameter: ParameterInfo,
  value: Exclude<ParameterValue, false>,
  version: DovecotVersion,
): Exclude<ParameterValue, false> {
  if (parameter.typeIn?.[version] !== "string") return value;
  if (typeof value !== "object") return String(value);
  if (value.length === 1) return value[0];
  throw new LocalProtocolError(
    `The parameter "${parameter.name}" of "${command}" takes one value on Dovecot ${version}, not ` +
      `${value.length}. Make a call for each.`,
  );
}

/**
 * The arguments that say the same on a command's line as parameters do over HTTP: each of them as a
 * long option, so that none is mistaken for another, whatever its value begins with.
 *
 * The command's input and the choice of users have no place on the line, and are left out.
 */
export function encodeArguments(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): string[] {
  const args: string[] = [];
  for (const [{ name }, value] of givenParameters(info, values, version)) {
    if (name === info.input || (info.mail && userParameters.has(name))) continue;
    const option = longOption(name);
    if (value === true) args.push(option);
    else if (typeof value !== "object") args.push(`${option}=${value}`);
    else args.push(...value.map((item) => `${option}=${item}`));
  }
  return args;
}

/** The parameters of commands on mail that say whose mail is meant. */
export const userParameters: ReadonlySet<string> = new Set(["user", "allUsers", "userFile"]);

/** A parameter's name as a long option: "--mailbox-mask" for "mailboxMask". */
export function longOption(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function checkNames(info: CommandInfo, values: ParameterValues): void {
  for (const name of Object.keys(values)) {
    if (info.parameters.some((parameter) => parameter.name === name)) continue;
    const names = info.parameters.map((parameter) => `"${parameter.name}"`);
    throw new LocalProtocolError(
      `"${info.name}" has no parameter ${JSON.stringify(name)}. ` +
        (names.length === 0 ? "It takes none." : `It has ${names.join(", ")}.`),
    );
  }
}

function checkMissing({ name: command }: CommandInfo, { name, required }: ParameterInfo): void {
  if (!required) return;
  throw new LocalProtocolError(`"${command}" needs the parameter "${name}". Give it.`);
}

/** Without a version, looks only at commands of which all versions need one of the same parameters. */
function checkMissingOneOf(
  info: CommandInfo,
  values: ParameterValues,
  version?: DovecotVersion,
): void {
  const { name: command, parameters, needsOneOf = [] } = info;
  const possible = parameters.filter((parameter) =>
    needsOneOf.includes(parameter.name) &&
    (version === undefined ? isLasting(info) : existsIn(parameter, version))
  );
  const isNeeded = possible.length > 0 && (version !== undefined || possible.some(isLasting));
  if (!isNeeded || possible.some(({ name }) => isGiven(valueOf(values, name)))) return;
  const names = possible.map(({ name }) => `"${name}"`).join(" or ");
  throw new LocalProtocolError(`"${command}" needs the parameter ${names}. Give one of them.`);
}

/** Checks numbers that others are limits of. */
function checkSizes({ name: command, parameters }: CommandInfo, values: ParameterValues): void {
  for (const { name, atMost } of parameters) {
    const value = valueOf(values, name);
    if (atMost === undefined || !isGiven(value)) continue;
    const limit = valueOf(values, atMost) ?? 0;
    if (BigInt(value as number) <= BigInt(limit as number)) continue;
    throw new LocalProtocolError(
      `The parameter "${name}" of "${command}" is ${value}, which is above its "${atMost}", ` +
        `${limit}. Raise that.`,
    );
  }
}

/** Whether a value says anything: `false` and an empty array are like none. */
export function isGiven(
  value: ParameterValue | undefined,
): value is Exclude<ParameterValue, false> {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

function impliedValue({ implied }: ParameterInfo, values: ParameterValues): string | undefined {
  return implied !== undefined && isGiven(valueOf(values, implied.by)) ? implied.value : undefined;
}

/** What values look like. */
interface Check {
  readonly isRight: (value: unknown) => boolean;
  readonly wanted: string;
}

const inputCheck: Check = {
  isRight: (value) =>
    typeof value === "string" ||
    (typeof value === "object" && value !== null &&
      (Symbol.iterator in value || Symbol.asyncIterator in value)),
  wanted: "a string, a Uint8Array, or something that gives these piece by piece",
};

const checks: Readonly<Record<ParameterType, Check>> = {
  string: { isRight: (value) => typeof value === "string", wanted: "a string" },
  boolean: { isRight: (value) => typeof value === "boolean", wanted: "a boolean" },
  integer: {
    isRight: (value) =>
      typeof value === "bigint" ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value),
    wanted: "an integer of 64 bits",
  },
  array: {
    isRight: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
    wanted: "an array of strings",
  },
};

/** Checks that a server of the version takes a value, or without a version, that some server does. */
function checkContent(
  { name: command, input }: CommandInfo,
  parameter: ParameterInfo,
  value: Exclude<ParameterValue, false>,
  version?: DovecotVersion,
): void {
  const { name } = parameter;
  const fault = name === input ? undefined : contentFault(parameter, value, version);
  if (fault === undefined) return;
  throw new LocalProtocolError(`The parameter "${name}" of "${command}" is wrong: ${fault}.`);
}

function checkValue(
  info: CommandInfo,
  parameter: ParameterInfo,
  value: Exclude<ParameterValue, false>,
): void {
  const { name: command, input } = info;
  const { name, type, implied } = parameter;
  const what = `The parameter "${name}" of "${command}"`;
  const { isRight, wanted } = name === input ? inputCheck : checks[type];
  if (!isRight(value)) throw new LocalProtocolError(`${what} has to be ${wanted}.`);
  if (name === input) return;
  if ([value].flat().some((item) => String(item).includes("\0"))) {
    throw new LocalProtocolError(
      `${what} has a NUL in it, at which Dovecot would cut it off. Leave it out.`,
    );
  }
  if (implied !== undefined && value !== implied.value) {
    throw new LocalProtocolError(`${what} can only be ${JSON.stringify(implied.value)}.`);
  }
  checkContent(info, parameter, value);
}

function whenItExists({ since, until }: Lifetime): string {
  return until === undefined ? `; it came with ${since}` : `; it went after ${until}`;
}
