/**
 * Checks of what a mail system is created with. A wrong value would show much later: in a reply that clients
 * can't read, or as a user who isn't there.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { isRecord, shownValue } from "../core/option_checks.ts";

/** Throws a `LocalProtocolError` unless a value is an object with names and values; `what` begins the message. */
export function checkRecord(what: string, value: unknown): void {
  if (value === undefined || isRecord(value)) return;
  // Not the value itself: it may be a whole message.
  const shown = value === null
    ? "null"
    : typeof value === "object"
    ? "an array or a Map"
    : `a ${typeof value}`;
  throw new LocalProtocolError(`${what} is ${shown}. Use an object, like { name: value }.`);
}

/** Throws a `LocalProtocolError` unless a value is a whole number within these bounds, or `undefined`. */
export function checkWhole(
  what: string,
  value: unknown,
  [least, most]: readonly [least: number, most: number],
): void {
  if (value === undefined) return;
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    return;
  }
  throw new LocalProtocolError(
    `${what} is ${
      shownValue(value)
    }. Use a whole number from ${least} to ${most}, or leave it out.`,
  );
}

/** Throws a `LocalProtocolError` unless a value is a string that isn't empty, or `undefined`. */
export function checkText(what: string, value: unknown): void {
  if (value === undefined || (typeof value === "string" && value !== "")) return;
  throw new LocalProtocolError(`${what} is ${shownValue(value)}. Use a text, or leave it out.`);
}

/** Throws a `LocalProtocolError` unless a value is a time, or `undefined`. */
export function checkDate(what: string, value: unknown): void {
  if (value === undefined) return;
  // Not by its class: test runners that play the time replace that.
  const { getTime } = (value ?? {}) as Partial<Date>;
  if (typeof getTime === "function" && Number.isFinite(getTime.call(value))) return;
  const shown = typeof getTime === "function" ? "an invalid Date" : shownValue(value);
  throw new LocalProtocolError(`${what} is ${shown}. Use a valid Date, or leave it out.`);
}
