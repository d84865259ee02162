/**
 * Reading URLs that may have a password in them.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";

/** The URL of a text, or `undefined`: the runtime's error would quote it, and with it a password. */
export function parseUrl(text: string | URL): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/**
 * Takes the percent signs off a part of a URL; throws a `LocalProtocolError` where one begins no
 * escape. `forms` says in a sentence what URLs look like.
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
