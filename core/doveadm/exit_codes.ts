/**
 * The codes of failed replies and Dovecot's exit codes for them.
 *
 * @module
 */

/**
 * doveadm's exit code for each failure code. Source: Dovecot's src/lib-doveadm/doveadm-protocol.c and
 * sysexits(3).
 */
export const exitCodes: Readonly<Record<string, number>> = {
  UNKNOWN: -1,
  CHANGED: 2,
  USAGE: 64,
  DATAERR: 65,
  NOUSER: 67,
  NOTFOUND: 68,
  TEMPFAIL: 75,
  PROTOCOL: 76,
  NOPERM: 77,
  REFERRAL: 1002,
  EXPIRED: 1003,
};

/**
 * The exit code of a failure's code; -1 for an unknown one, as in Dovecot.
 *
 * @example
 * ```ts
 * import { exitCode } from "@dovewire/dovewire/core/doveadm";
 * import assert from "node:assert/strict";
 *
 * assert.equal(exitCode("NOUSER"), 67);
 * assert.equal(exitCode(""), -1);
 * ```
 */
export function exitCode(code: string): number {
  return Object.hasOwn(exitCodes, code) ? exitCodes[code] : exitCodes.UNKNOWN;
}

/**
 * The code for an exit code: the reverse of {@linkcode exitCode}. "UNKNOWN" if there is none, as in
 * Dovecot.
 */
export function codeOfExit(status: number): string {
  const found = Object.entries(exitCodes).find(([, number]) => number === status);
  return found === undefined ? "UNKNOWN" : found[0];
}
