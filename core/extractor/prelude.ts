/**
 * The credentials that qmail-authuser reads from file descriptor 3, by the checkpassword interface.
 *
 * Source: https://cr.yp.to/checkpwd/interface.html.
 *
 * @module
 */

import { decodeUtf8Strictly, encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError, RemoteProtocolError } from "../errors.ts";

/** A user's credentials. */
export interface Credentials {
  /** The name to log in with. */
  user: string;
  /** The password, or the answer to the challenge. */
  password: string;
  /** The challenge, or a timestamp; "" if left out. */
  challenge?: string;
}

/** How many bytes a prelude may have; the interface allows no more. */
export const maxPreludeSize = 512;

/**
 * The bytes for file descriptor 3: user, password and challenge, with a NUL after each. Programs read to
 * its end: close it after them.
 *
 * Throws a {@linkcode LocalProtocolError}, without the values in it, for a value that isn't text or has
 * a NUL, and for more than 512 bytes.
 *
 * @example
 * ```ts
 * import { decodeCredentials, encodeCredentials } from "@dovewire/dovewire/core/extractor";
 * import { decodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeCredentials({ user: "joe", password: "s3cret" });
 * assert.equal(decodeUtf8(bytes), "joe\0s3cret\0\0");
 * assert.equal(decodeCredentials(bytes).password, "s3cret");
 * ```
 */
export function encodeCredentials({ user, password, challenge = "" }: Credentials): Uint8Array {
  const values = { user, password, challenge };
  for (const [name, value] of Object.entries(values)) {
    // The value itself stays out of the message: it may be the password.
    if (typeof value !== "string" || !value.isWellFormed() || value.includes("\0")) {
      throw new LocalProtocolError(
        `"${name}" is no string, or contains a NUL or half a surrogate pair. Give a string without.`,
      );
    }
  }
  const bytes = encodeUtf8(`${user}\0${password}\0${challenge}\0`);
  if (bytes.length <= maxPreludeSize) return bytes;
  throw new LocalProtocolError(
    `User, password and challenge have ${bytes.length} bytes with the NULs after them, and ` +
      `${maxPreludeSize} are allowed. Use shorter ones.`,
  );
}

/**
 * Reads what {@linkcode encodeCredentials} writes. What follows the third NUL is skipped: the
 * interface allows more data there.
 *
 * Throws a {@linkcode RemoteProtocolError}, without the bytes in it, for less than three values, for
 * more than 512 bytes and for what isn't UTF-8.
 */
export function decodeCredentials(bytes: Uint8Array): Required<Credentials> {
  if (bytes.length > maxPreludeSize) {
    throw new RemoteProtocolError(
      `There are ${bytes.length} bytes of credentials, and ${maxPreludeSize} are allowed ` +
        '("maxPreludeSize").',
      { limit: "maxPreludeSize" },
    );
  }
  const values: string[] = [];
  for (let at = 0; values.length < 3;) {
    const end = bytes.indexOf(0, at);
    const value = end === -1 ? undefined : decodeUtf8Strictly(bytes.subarray(at, end));
    if (value === undefined) {
      throw new RemoteProtocolError(
        "The credentials aren't user, password and challenge as UTF-8, each with a NUL after it: " +
          (end === -1
            ? `there are ${values.length} NULs.`
            : `value ${values.length + 1} isn't UTF-8.`),
      );
    }
    values.push(value);
    at = end + 1;
  }
  const [user, password, challenge] = values;
  return { user, password, challenge };
}
