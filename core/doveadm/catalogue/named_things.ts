/**
 * What the arguments of a command line name.
 *
 * @module
 */

import { existsIn, type ParameterValue, typeIn } from "./arguments.ts";
import type { CommandInfo, DovecotVersion, ParameterInfo } from "./command_info.ts";
import { decodeArguments, splitWords } from "./options.ts";
import { parameterReach, type Reach } from "./reach.ts";

/** A parameter that is set, and what it names. */
export interface NamedThing {
  /** What it names; `undefined` for a parameter that {@linkcode parameterReach} doesn't know. */
  readonly reach: Reach | undefined;
  /** The parameter's name: "sourceUser". */
  readonly parameter: string;
  /** The parameter's values; `["true"]` for a flag. */
  readonly values: readonly string[];
}

/**
 * What the arguments of a command line name, as a server of that version reads them.
 *
 * Throws a `LocalProtocolError` for arguments that the server refuses.
 */
export function namedThings(
  info: CommandInfo,
  args: readonly string[],
  version: DovecotVersion,
): readonly NamedThing[] {
  return Object.entries(receivedArguments(info, args, version)).map(([parameter, value]) => ({
    reach: parameterReach(info, parameter),
    parameter,
    values: textsOf(value),
  }));
}

/**
 * The parameters as a command of that version gets them, in the types that {@linkcode encodeArguments} takes: as
 * {@linkcode decodeArguments} returns them, but for commands on mail in 2.3, which take words by their position
 * alone.
 *
 * Throws a `LocalProtocolError` for arguments that the server refuses.
 */
export function receivedArguments(
  info: CommandInfo,
  args: readonly string[],
  version: DovecotVersion,
): Readonly<Record<string, ParameterValue>> {
  const given = decodeArguments(info, args, version);
  const values = info.mail && version === "2.3" ? byPlace(info, given) : given;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, inNewestType(info, name, value)]),
  );
}

/** A value in its parameter's type, if it is one; as it is otherwise. */
function inNewestType(info: CommandInfo, name: string, value: ParameterValue): ParameterValue {
  const type = info.parameters.find((parameter) => parameter.name === name)?.type;
  if (typeof value !== "string") return value;
  if (type === "integer" && /^-?\d{1,19}$/.test(value)) return BigInt(value);
  return type === "array" ? [value] : value;
}

function textsOf(value: ParameterValue): readonly string[] {
  return typeof value === "object" ? value : [String(value)];
}

/**
 * The parameters as a command on mail gets them in 2.3: the words of all positional parameters, also of
 * those that were set by options, form one list in the parameters' order, and count by their position only.
 * So `import --query=A --query=B --query=C` imports from A.
 *
 * Source: Dovecot's src/doveadm/doveadm-mail.c, doveadm_cmd_ver2_to_mail_cmd_wrapper().
 */
function byPlace(
  info: CommandInfo,
  given: Readonly<Record<string, ParameterValue>>,
): Readonly<Record<string, ParameterValue>> {
  const positional = info.parameters.filter((parameter) =>
    parameter.positional === true && existsIn(parameter, "2.3") && parameter.name !== info.input
  );
  const words = positional.flatMap((parameter) => wordsOf(parameter, given));
  const values: Record<string, ParameterValue> = { ...given };
  for (const { name } of positional) delete values[name];
  let at = 0;
  for (let nth = 0; nth < positional.length && at < words.length; nth++) {
    const parameter = positional[nth];
    if (parameter.implied !== undefined) {
      // The keyword before the next parameter, in any case. Without it, both are missing.
      const isThere = words[at].toLowerCase() === parameter.implied.value && at + 1 < words.length;
      if (isThere) values[parameter.implied.by] = words[at + 1];
      at += isThere ? 2 : 0;
      nth++;
    } else if (isList(parameter)) {
      values[parameter.name] = words.slice(at);
      at = words.length;
    } else {
      const word = words[at++];
      values[parameter.name] = parameter.joined === true ? splitWords(word) : word;
    }
  }
  return values;
}

/** The words of a positional parameter's values. */
function wordsOf(
  parameter: ParameterInfo,
  given: Readonly<Record<string, ParameterValue>>,
): readonly string[] {
  if (!Object.hasOwn(given, parameter.name)) return [];
  const texts = textsOf(given[parameter.name]);
  return parameter.joined === true ? [texts.join(" ")] : texts;
}

/** Whether a positional parameter takes all remaining words. */
function isList(parameter: ParameterInfo): boolean {
  return typeIn(parameter, "2.3") === "array" && parameter.joined !== true;
}
