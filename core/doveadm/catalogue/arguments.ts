/**
 * Converts a command's parameters to arguments of its command line.
 *
 * @module
 */

import { LocalProtocolError } from "../../errors.ts";
import { isTextList } from "../../option_checks.ts";
import { concernedParameters, hasParameter } from "./concerned.ts";
import { contentFault, isContentVersioned } from "./contents.ts";
import type {
  CommandInfo,
  DovecotVersion,
  Lifetime,
  ParameterInfo,
  ParameterType,
} from "./command_info.ts";

/** The type of a parameter's value. */
export type ParameterValue = string | number | bigint | boolean | readonly string[];

/** Parameters by their names, as over HTTP; `undefined` and `false` count as not set. */
export type ParameterValues = Readonly<Record<string, ParameterValue | undefined>>;

/** Whether a version has something. */
export function existsIn({ since, until }: Lifetime, version: DovecotVersion): boolean {
  return since <= version && (until === undefined || version <= until);
}

/** The type of a parameter's value in a version. */
export function typeIn(parameter: ParameterInfo, version: DovecotVersion): ParameterType {
  return parameter.typeIn?.[version] ?? parameter.type;
}

/** Whether all versions of the catalogue have something. */
export function isLasting({ since, until }: Lifetime): boolean {
  return since === "2.3" && until === undefined;
}

/** The value of a parameter: an own property of the object, not an inherited one. */
export function valueOf(values: ParameterValues, name: string): ParameterValue | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/**
 * Checks parameters without a version: that the command has them, that their values have the right type and
 * are accepted by some version, and that none is missing that all versions require.
 *
 * Throws a `LocalProtocolError` that names the parameter.
 */
export function checkParameters(info: CommandInfo, values: ParameterValues): void {
  checkNames(info, values);
  const concerned = concernedParameters(info, values);
  for (const parameter of concerned) {
    const value = valueOf(values, parameter.name);
    if (isSet(parameter, value)) checkValue(info, parameter, value);
    else if (isLasting(parameter)) checkMissing(info, parameter);
  }
  checkMissingOneOf(info, values);
  for (const parameter of concerned) checkSize(info, parameter, values);
}

/** Whether the version decides if parameters are valid. */
export function areVersioned(info: CommandInfo, values: ParameterValues): boolean {
  return info.parameters.some((parameter) => {
    const value = valueOf(values, parameter.name);
    return isGiven(value) && isContentVersioned(parameter, value);
  });
}

/**
 * The parameters that were set, in the order of the catalogue, with those that they imply.
 *
 * Throws a `LocalProtocolError` where {@linkcode checkParameters} does, and if the version lacks the
 * command or a parameter, or requires another.
 */
export function givenParameters(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): [parameter: ParameterInfo, value: Exclude<ParameterValue, false>][] {
  checkParameters(info, values);
  return givenInVersion(info, values, version);
}

/** A parameter that was set, or is implied, and its value. */
type GivenParameter = ReturnType<typeof givenParameters>[number];

/** As {@linkcode givenParameters}, of parameters that passed {@linkcode checkParameters}. */
function givenInVersion(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): GivenParameter[] {
  if (!existsIn(info, version)) {
    throw new LocalProtocolError(
      `"${info.name}" is not a command of Dovecot ${version}${whenItExists(info)}.`,
    );
  }
  const given: GivenParameter[] = [];
  for (const parameter of concernedParameters(info, values)) {
    const own = valueOf(values, parameter.name);
    const exists = existsIn(parameter, version);
    const value = own ?? (exists ? impliedValue(parameter, values) : undefined);
    if (!isSet(parameter, value)) {
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

/** A value in the version's type, which may be a string instead of an array. */
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
    `The parameter "${parameter.name}" of "${command}" accepts one value on Dovecot ${version}, not ` +
      `${value.length}. Send one call for each.`,
  );
}

/**
 * Converts parameters to command line arguments: each to a long option, so that no value is mistaken for an
 * option.
 *
 * The command's input and the choice of users are not arguments, and are left out.
 */
export function encodeArguments(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): string[] {
  checkParameters(info, values);
  return encodeCheckedArguments(info, values, version);
}

/** As {@linkcode encodeArguments}, of parameters that passed {@linkcode checkParameters}. */
export function encodeCheckedArguments(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): string[] {
  const args: string[] = [];
  for (const [{ name }, value] of givenInVersion(info, values, version)) {
    if (name === info.input || (info.mail && userParameters.has(name))) continue;
    const option = longOption(name);
    if (value === true) args.push(option);
    else if (typeof value !== "object") args.push(`${option}=${value}`);
    // An empty list of words, which is an empty text by its other name.
    else if (value.length === 0) args.push(`${joinedOption(name)}=`);
    else for (const item of value) args.push(`${option}=${item}`);
  }
  return args;
}

/** The parameters of commands on mail that select the users. */
export const userParameters: ReadonlySet<string> = new Set(["user", "allUsers", "userFile"]);

/** A parameter's name as a long option: "--mailbox-mask" for "mailboxMask". */
export function longOption(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The option that has a list of words as one text: "--flagstr" for "flag". */
export function joinedOption(name: string): string {
  return `${longOption(name)}str`;
}

function checkNames(info: CommandInfo, values: ParameterValues): void {
  for (const name of Object.keys(values)) {
    if (hasParameter(info, name)) continue;
    const names = info.parameters.map((parameter) => `"${parameter.name}"`);
    throw new LocalProtocolError(
      `"${info.name}" has no parameter ${JSON.stringify(name)}. ` +
        (names.length === 0 ? "It has none." : `It has ${names.join(", ")}.`),
    );
  }
}

function checkMissing({ name: command }: CommandInfo, { name, required }: ParameterInfo): void {
  if (!required) return;
  throw new LocalProtocolError(`"${command}" needs the parameter "${name}". Set it.`);
}

/** Without a version, checks only commands for which all versions require one of the same parameters. */
function checkMissingOneOf(
  info: CommandInfo,
  values: ParameterValues,
  version?: DovecotVersion,
): void {
  const { name: command, parameters, needsOneOf } = info;
  if (needsOneOf === undefined) return;
  const possible = parameters.filter((parameter) =>
    needsOneOf.includes(parameter.name) &&
    (version === undefined ? isLasting(info) : existsIn(parameter, version))
  );
  const isNeeded = possible.length > 0 && (version !== undefined || possible.some(isLasting));
  if (!isNeeded || possible.some(({ name }) => isGiven(valueOf(values, name)))) return;
  const names = possible.map(({ name }) => `"${name}"`).join(" or ");
  throw new LocalProtocolError(`"${command}" needs the parameter ${names}. Set one of them.`);
}

/** Checks a number against the parameter that limits it. */
function checkSize(
  { name: command }: CommandInfo,
  { name, atMost }: ParameterInfo,
  values: ParameterValues,
): void {
  if (atMost === undefined) return;
  const value = valueOf(values, name);
  if (!isGiven(value)) return;
  const limit = valueOf(values, atMost) ?? 0;
  if (BigInt(value as number) <= BigInt(limit as number)) return;
  throw new LocalProtocolError(
    `The parameter "${name}" of "${command}" is ${value}, which is above its "${atMost}", ` +
      `${limit}. Increase that.`,
  );
}

/** Whether a value counts as set: `false` and an empty array don't. */
export function isGiven(
  value: ParameterValue | undefined,
): value is Exclude<ParameterValue, false> {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

/** Whether a parameter is set: as {@linkcode isGiven}, but a list of flags can be empty, to remove all. */
function isSet(
  { content }: ParameterInfo,
  value: ParameterValue | undefined,
): value is Exclude<ParameterValue, false> {
  return isGiven(value) || content === "flags" && Array.isArray(value);
}

function impliedValue({ implied }: ParameterInfo, values: ParameterValues): string | undefined {
  return implied !== undefined && isGiven(valueOf(values, implied.by)) ? implied.value : undefined;
}

/** The valid values of each type. */
interface Check {
  readonly isRight: (value: unknown) => boolean;
  readonly wanted: string;
}

const inputCheck: Check = {
  isRight: (value) =>
    typeof value === "string" ||
    (typeof value === "object" && value !== null &&
      (Symbol.iterator in value || Symbol.asyncIterator in value)),
  wanted: "a string, a Uint8Array, or an iterable of these",
};

const checks: Readonly<Record<ParameterType, Check>> = {
  string: { isRight: (value) => typeof value === "string", wanted: "a string" },
  boolean: { isRight: (value) => typeof value === "boolean", wanted: "a boolean" },
  integer: {
    isRight: (value) =>
      typeof value === "bigint" ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value),
    wanted: "a 64-bit integer",
  },
  array: { isRight: isTextList, wanted: "an array of strings" },
};

/** Checks that the version accepts a value; without a version, that some version does. */
function checkContent(
  { name: command, input }: CommandInfo,
  parameter: ParameterInfo,
  value: Exclude<ParameterValue, false>,
  version?: DovecotVersion,
): void {
  const { name } = parameter;
  const fault = name === input ? undefined : contentFault(parameter, value, version);
  if (fault === undefined) return;
  throw new LocalProtocolError(`The parameter "${name}" of "${command}" is invalid: ${fault}.`);
}

function checkValue(
  info: CommandInfo,
  parameter: ParameterInfo,
  value: Exclude<ParameterValue, false>,
): void {
  const { name: command, input } = info;
  const { name, type, implied } = parameter;
  const wrong = (rest: string) =>
    new LocalProtocolError(`The parameter "${name}" of "${command}" ${rest}.`);
  const { isRight, wanted } = name === input ? inputCheck : checks[type];
  if (!isRight(value)) throw wrong(`has to be ${wanted}`);
  if (name === input) return;
  if (hasNul(value)) {
    throw wrong("contains a NUL, at which Dovecot would cut it. Remove the NUL");
  }
  if (implied !== undefined && value !== implied.value) {
    throw wrong(`can only be ${JSON.stringify(implied.value)}`);
  }
  checkContent(info, parameter, value);
}

function hasNul(value: Exclude<ParameterValue, false>): boolean {
  if (typeof value !== "object") return String(value).includes("\0");
  return value.some((item) => item.includes("\0"));
}

function whenItExists({ since, until }: Lifetime): string {
  return until === undefined ? `; it was added in ${since}` : `; it was removed after ${until}`;
}
