/**
 * The exit codes of an extractor, and those of the qmail-authuser that starts it.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import type { ExitStatus } from "../exit_status.ts";

/**
 * What an extractor's process may end with, by name. 1, 2, 110 and 111 are qmail-authuser's own, which
 * ends with them before there is an extractor; the others are the extractor's. Source: JWebmail's
 * README_IPC.md, and https://cr.yp.to/checkpwd/interface.html for 1, 2 and 111.
 */
export const extractorExitCodes: {
  /** All went well. */
  readonly ok: 0;
  /** The user's name or the password is wrong. */
  readonly refused: 1;
  /** qmail-authuser was called the wrong way. */
  readonly misused: 2;
  /** The request failed. */
  readonly failure: 3;
  /** The request was wrong. */
  readonly invalid: 4;
  /** The extractor couldn't become the user whom the mails belong to. */
  readonly privileges: 5;
  /** The extractor doesn't have the operation. */
  readonly unsupported: 6;
  /** qmail-authuser couldn't do its work. */
  readonly unavailable: 110;
  /** qmail-authuser couldn't do its work this time. */
  readonly temporary: 111;
} = {
  ok: 0,
  refused: 1,
  misused: 2,
  failure: 3,
  invalid: 4,
  privileges: 5,
  unsupported: 6,
  unavailable: 110,
  temporary: 111,
};

const meanings: Readonly<Record<number, string>> = {
  0: "all went well",
  1: "the user's name or the password is wrong",
  2: "qmail-authuser was misused: look at the command and at what file descriptor 3 has",
  3: "the request failed",
  4: "the request was wrong",
  5: "the extractor couldn't become the user whom the mails belong to",
  6: "the extractor doesn't support the operation",
  110: "qmail-authuser couldn't do its work: look at its log",
  111: "qmail-authuser has temporary trouble: look at its log, and try again",
};

/**
 * What an exit code means, as half a sentence; "an unknown code" for one that has no meaning here.
 *
 * @example
 * ```ts
 * import { exitCodeMeaning } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * assert.equal(exitCodeMeaning(6), "the extractor doesn't support the operation");
 * assert.equal(exitCodeMeaning(77), "an unknown code");
 * ```
 */
export function exitCodeMeaning(code: number): string {
  return Object.hasOwn(meanings, code) ? meanings[code] : "an unknown code";
}

/**
 * How a process ended, as the end of a sentence that it begins: `exited with code 5 (the extractor
 * couldn't become …)`, `was ended by SIGKILL`, or `ended` where that isn't known.
 */
export function describeExit(exit: ExitStatus | undefined): string {
  if (exit?.code !== undefined) {
    return `exited with code ${exit.code} (${exitCodeMeaning(exit.code)})`;
  }
  return exit?.signal === undefined ? "ended" : `was ended by ${exit.signal}`;
}

/** Refuses what is no exit code. */
export function checkExitCode(code: number): void {
  if (Number.isInteger(code) && code >= 0 && code <= 255) return;
  throw new LocalProtocolError(`${code} is no exit code. Use a whole number from 0 to 255.`);
}
