/**
 * Checks of options for both sides of a handshake.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { shownValue } from "../option_checks.ts";

/** The highest supported minor version of the protocol. */
export const MAX_MINOR = 4;

/** Throws for an unsupported minor version. */
export function checkMaxMinor(maxMinor: number = MAX_MINOR): void {
  if (!Number.isInteger(maxMinor) || maxMinor < 0 || maxMinor > MAX_MINOR) {
    throw new LocalProtocolError(
      `"maxMinor" is ${shownValue(maxMinor)}. Use an integer from 0 to ${MAX_MINOR}.`,
    );
  }
}

/** Throws for a name or a password that PLAIN can't carry. */
export function checkCredential(option: string, value: unknown): void {
  // The value itself stays out of the message: it may be the password.
  if (typeof value !== "string" || value === "" || value.includes("\0")) {
    throw new LocalProtocolError(
      `"${option}" is empty or contains a NUL. Use a text, or leave it out.`,
    );
  }
}

/** Throws for an invalid value of "starttls". */
export function checkStarttls(starttls: unknown, allowed: readonly string[]): void {
  if (starttls === undefined || allowed.some((value) => value === starttls)) return;
  const values = allowed.map((value) => `"${value}"`).join(" or ");
  throw new LocalProtocolError(
    `"starttls" is ${shownValue(starttls)}. Set it to ${values}, or leave it out.`,
  );
}

/** Throws for invalid limits. */
export function checkLimits(limits: object): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit !== "number" || !(limit > 0)) {
      throw new LocalProtocolError(
        `"limits.${name}" is ${shownValue(limit)}. Set it to a number of bytes above 0.`,
      );
    }
  }
}

/** The error for an unexpected `tlsStarted()`. */
export function noTlsAsked(): LocalProtocolError {
  return new LocalProtocolError(
    'tlsStarted() answers a "start-tls" event, and there was none. Set "starttls" to get one.',
  );
}
