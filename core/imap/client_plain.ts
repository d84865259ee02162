/**
 * The message of SASL's PLAIN.
 *
 * @module
 */

import { encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import type { ImapPlainCredentials } from "./client_events.ts";

/**
 * The message in base64 (RFC 4616). Throws a {@linkcode LocalProtocolError} for a NUL, which separates its parts, and
 * for half a surrogate pair, which would become another name.
 */
export function encodePlain({ authzid = "", username, password }: ImapPlainCredentials): string {
  for (const [name, value] of Object.entries({ authzid, username, password })) {
    if (typeof value !== "string" || value.includes("\0") || !value.isWellFormed()) {
      throw new LocalProtocolError(
        `"${name}" is no text, or has a NUL or half a surrogate pair. PLAIN can't send that.`,
      );
    }
  }
  const bytes = encodeUtf8(`${authzid}\0${username}\0${password}`);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
