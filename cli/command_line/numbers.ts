/**
 * Numbers in options.
 *
 * @module
 */

import type { GivenOptions } from "./parse.ts";
import { UsageError } from "./usage_error.ts";

/** The number of an option, `undefined` if it isn't set; throws a `UsageError` for any other text. */
export function numberOf(options: GivenOptions, name: string, least: number): number | undefined {
  const text = options.get(name)?.at(-1);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text) && number >= least) return number;
  throw new UsageError(
    `--${name} is ${JSON.stringify(text)}. Set it to a number from ${least} on.`,
  );
}

/** The whole number of an option. */
export function countOf(options: GivenOptions, name: string, least: number): number | undefined {
  const number = numberOf(options, name, least);
  if (number === undefined || Number.isInteger(number)) return number;
  throw new UsageError(`--${name} is ${number}. Set it to a whole number.`);
}

/** The most users or commands at a time: each may need a connection, and a process of the server. */
const mostJobs = 10_000;

/** The number of `--jobs`. */
export function jobsOf(options: GivenOptions): number | undefined {
  const jobs = countOf(options, "jobs", 1);
  if (jobs === undefined || jobs <= mostJobs) return jobs;
  throw new UsageError(`--jobs is ${jobs}. Set it to ${mostJobs} at most.`);
}

/** The time of an option in seconds, in milliseconds. */
export function timeOf(options: GivenOptions, name: string, least = 0): number | undefined {
  const seconds = numberOf(options, name, least);
  return seconds === undefined ? undefined : seconds * 1000;
}
