/**
 * The arguments of a custom command: what shape they have, and how they are read.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { astringOf, type ImapValue } from "./value.ts";

/**
 * What an argument is: "astring" is an atom or a string, of UTF-8 without NUL; "number" is one of 0 to
 * 4,294,967,295; "value" is anything, lists included.
 */
export type ArgumentKind = "astring" | "number" | "value";

/**
 * The arguments of a command, in order. "astring?" may be missing; "astring*", the last one, is any number of
 * them.
 */
export type ArgumentShape =
  readonly (`${ArgumentKind}` | `${ArgumentKind}?` | `${ArgumentKind}*`)[];

/** An argument that was read: an astring's text, a number, a value; several for "*", `undefined` for a missing one. */
export type Argument =
  | string
  | number
  | ImapValue
  | undefined
  | readonly (string | number | ImapValue)[];

/** Checks a shape; throws a {@linkcode LocalProtocolError} for one that no arguments could have. */
export function checkShape(shape: ArgumentShape, name: string): void {
  let isOptional = false;
  // What is no list has no entry that could be right.
  for (const [at, argument] of (Array.isArray(shape) ? shape : [""]).entries()) {
    const [, , mark] = /^(astring|number|value)([?*]?)$/.exec(argument) ?? [];
    const isMisplaced = mark === "" ? isOptional : mark === "*" && at < shape.length - 1;
    if (mark === undefined || isMisplaced) {
      throw new LocalProtocolError(
        `The arguments of ${name} can't be ${
          JSON.stringify(shape)
        }. Use "astring", "number" and "value"; ` +
          'then those with "?"; then one with "*".',
      );
    }
    isOptional ||= mark !== "";
  }
}

/** Reads a command's arguments; `undefined` if they don't have the shape. */
export function readArguments(
  shape: ArgumentShape,
  values: readonly ImapValue[],
): readonly Argument[] | undefined {
  const args: Argument[] = [];
  let at = 0;
  for (const argument of shape) {
    const kind = argument.replace(/[?*]$/, "") as ArgumentKind;
    if (argument.endsWith("*")) {
      const rest = values.slice(at).map((value) => readArgument(kind, value));
      if (rest.includes(undefined)) return undefined;
      args.push(rest as (string | number | ImapValue)[]);
      at = values.length;
    } else if (at < values.length) {
      const read = readArgument(kind, values[at++]);
      if (read === undefined) return undefined;
      args.push(read);
    } else if (argument.endsWith("?")) {
      args.push(undefined);
    } else {
      return undefined;
    }
  }
  return at < values.length ? undefined : args;
}

function readArgument(
  kind: ArgumentKind,
  value: ImapValue,
): string | number | ImapValue | undefined {
  if (kind === "value") return value;
  if (value.type === "string" && value.form === "literal8") return undefined;
  const text = astringOf(value);
  if (text === undefined || text.includes("\0")) return undefined;
  if (kind === "astring") return text;
  const isNumber = value.type === "atom" && /^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff;
  return isNumber ? Number(text) : undefined;
}
