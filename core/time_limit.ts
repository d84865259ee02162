/**
 * Time limits in options.
 *
 * @module
 */

import { LocalProtocolError } from "./errors.ts";
import { shownValue } from "./option_checks.ts";

/**
 * A time limit from an option, in milliseconds, with `Infinity` for "no limit".
 *
 * 0 and `Infinity` both mean no limit. Throws a {@linkcode LocalProtocolError} that names the option for
 * `NaN`, a negative number, and what is no number.
 */
export function timeLimit(option: string, value: number): number {
  if (typeof value === "number" && value >= 0) return value === 0 ? Infinity : value;
  throw new LocalProtocolError(
    `"${option}" is ${
      shownValue(value)
    }: set it to a number of milliseconds, or to 0 or Infinity for ` +
      "no limit.",
  );
}
