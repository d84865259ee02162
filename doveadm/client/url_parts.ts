/**
 * Parses URLs that may contain a password.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";

/**
 * Parses a URL; returns `undefined` if it is invalid: the runtime's error would quote it, with the
 * password.
 */
export function parseUrl(text: string | URL): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/**
 * Decodes the percent escapes in a part of a URL; throws a `LocalProtocolError` for an invalid one. `forms`
 * is a sentence with the valid forms of URLs.
 */
export function decodeUrlPart(part: string, forms: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new LocalProtocolError(
      `A "%" in the URL begins no escape; write "%25" for the sign itself. ${forms}`,
    );
  }
}
