/**
 * Checks of options: the types of their values, and counts.
 *
 * A value of another type would show much later, or not at all: as an uncaught error when an event comes, or
 * as an option that has no effect.
 *
 * @module
 */

import { LocalProtocolError } from "./errors.ts";

/** The names of options by the type of their values. An AbortSignal is always looked for as "signal". */
export interface OptionTypes {
  /** Functions. */
  readonly functions?: readonly string[];
  /** Objects that have options themselves. */
  readonly objects?: readonly string[];
  /** `true` or `false`. */
  readonly booleans?: readonly string[];
  /** Strings. */
  readonly texts?: readonly string[];
  /** Arrays. */
  readonly arrays?: readonly string[];
}

/** The options that are signals. */
const signals = ["signal"];

/**
 * Checks the types of options that a caller gave. Those that are left out count as right. Throws a
 * `LocalProtocolError` that names the wrong one; no value is shown, since it may be a secret.
 *
 * @example
 * ```ts
 * import { checkOptions } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * checkOptions({ onError: console.error }, { functions: ["onError"] });
 * assert.throws(
 *   () => checkOptions({ onError: "no" }, { functions: ["onError"] }),
 *   /"onError" is not a function/,
 * );
 * ```
 */
export function checkOptions(options: unknown, types: OptionTypes = {}): void {
  if (!isObject(options)) {
    throw new LocalProtocolError("The options are not an object. Pass one, or leave it out.");
  }
  check(options, types.functions, isFunction, "a function");
  check(options, types.objects, isObject, "an object");
  check(options, types.booleans, isBoolean, "a boolean");
  check(options, types.texts, isText, "a string");
  check(options, types.arrays, Array.isArray, "an array");
  check(options, signals, isSignal, "an AbortSignal");
}

/** Throws unless what was passed is a function; `what` begins the message: "The handler". */
export function checkFunction(what: string, value: unknown): void {
  if (!isFunction(value)) throw new LocalProtocolError(`${what} is not a function. Pass one.`);
}

/** Throws a `LocalProtocolError` unless an option is a number that is at least so large. */
export function checkCount(option: string, value: unknown, least: number): void {
  if (typeof value === "number" && value >= least) return;
  throw new LocalProtocolError(
    `"${option}" is ${shownValue(value)}. Set it to a number from ${least} on.`,
  );
}

/** The error that a caller's function, an option, has failed with: what it threw, or one that tells of what is none. */
export function errorOfOption(option: string, thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new LocalProtocolError(
    `"${option}" failed with ${shownValue(thrown)}, which is no Error. Let it throw one.`,
    { cause: thrown },
  );
}

/** A value of any type, for messages. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (isFunction(value)) return "a function";
  return isObject(value) ? "an object" : String(value);
}

/** Whether it is an object with names and values, and no array, `Map` or other collection. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && !(Symbol.iterator in value);
}

/** Whether it is an array of strings. A hole in it is none, which `every()` would pass over. */
export function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && Array.from(value).every(isText);
}

function check(
  options: Readonly<Record<string, unknown>>,
  names: readonly string[] | undefined,
  isRight: (value: unknown) => boolean,
  right: string,
): void {
  if (names === undefined) return;
  for (const name of names) {
    const value = options[name];
    if (value === undefined || isRight(value)) continue;
    throw new LocalProtocolError(`"${name}" is not ${right}. Set it to one, or leave it out.`);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

/** Whether it is a signal, of whatever realm or library. */
function isSignal(value: unknown): boolean {
  return isObject(value) && isBoolean(value.aborted) && isFunction(value.addEventListener);
}
