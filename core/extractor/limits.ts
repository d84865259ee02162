/**
 * Limits of the extractor's protocols.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8, quote } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";
import { shownValue } from "../option_checks.ts";

/** How many bytes a method's name may have unless an option says otherwise. */
export const defaultMaxMethodSize = 64;

/** How many bytes a message may have unless an option says otherwise: 64 MiB. */
export const defaultMaxMessageSize = 64 * 1024 * 1024;

/** Refuses invalid limits. */
export function checkLimits(limits: object): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit === "number" && limit > 0) continue;
    throw new LocalProtocolError(
      `"limits.${name}" is ${shownValue(limit)}. Give a number above 0.`,
    );
  }
}

/** The bytes of a method's name. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function encodeMethod(method: string, limit: number): Uint8Array {
  if (typeof method !== "string" || !/^[ -~]+$/.test(method) || method.length > limit) {
    throw new LocalProtocolError(
      `${
        JSON.stringify(method)
      } is an invalid name of a method. Use 1 to ${limit} printable ASCII ` +
        'characters, like "read-mail".',
    );
  }
  return encodeUtf8(method);
}

/** Reads a method's name. Throws a {@linkcode RemoteProtocolError} for an invalid one. */
export function decodeMethod(bytes: Uint8Array): string {
  if (bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) {
    return decodeUtf8(bytes);
  }
  throw new RemoteProtocolError(
    `The client sent ${quote(bytes)} where a method's name should be: printable ASCII.`,
  );
}

/** Refuses a message that the other end would refuse. */
export function checkMessageSize(size: number, limit: number, what: string): void {
  if (size <= limit) return;
  throw new LocalProtocolError(
    `${what} has ${size} bytes, and ${limit} are allowed ("limits.maxMessageSize"). ` +
      "Send less, or raise it at both ends.",
  );
}

/** The error for a peer's value that is over a limit. */
export function overLimit(
  what: string,
  limit: string,
  { size, most, unanswered }: {
    /** How many bytes it has; `undefined` for a value that has no length of its own. */
    readonly size: number | undefined;
    readonly most: number;
    readonly unanswered?: readonly number[];
  },
): RemoteProtocolError {
  return new RemoteProtocolError(
    `${what} ${size === undefined ? `more than ${most}` : size} bytes, and ${most} are allowed. ` +
      `If that is right, raise "limits.${limit}".`,
    { limit, unanswered },
  );
}
