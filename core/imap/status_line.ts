/**
 * A server's lines that aren't data: status responses, continuations, and lists of capabilities.
 *
 * @module
 */

import { decodeUtf8 } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import type { Concealer } from "../peer_text.ts";
import { asciiText } from "./command_line.ts";
import { contentEnd } from "./literal_marker.ts";
import { parseResponseText, type ResponseCode } from "./response_code.ts";
import { isTag, skipBytes, tagByte } from "./syntax.ts";

const SPACE = 0x20;
const STAR = 0x2a;
const PLUS = 0x2b;

/** The names of responses that are statuses. */
const statusNames: ReadonlySet<string> = new Set(["OK", "NO", "BAD", "BYE", "PREAUTH"]);

/** The names of statuses that answer a command. */
const taggedNames: ReadonlySet<string> = new Set(["OK", "NO", "BAD"]);

/** The list of capabilities is data, but who has to rewrite it has to have it whole. */
const capabilityName = "CAPABILITY";

/** The longest of these names. */
const longestName = capabilityName.length;

/** A line, taken apart. */
export interface StatusLine {
  /** Whether it begins with `*`, with a tag, or with `+`. */
  readonly kind: "untagged" | "tagged" | "continuation";
  /** The tag, of a tagged response. */
  readonly tag: string | undefined;
  /** "OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY"; empty for a continuation. */
  readonly name: string;
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text after the code; of CAPABILITY the capabilities; of a continuation all after `+ `. */
  readonly text: string;
}

/**
 * Whether the response at the start of `bytes[start..end)` is of these; `undefined` if it takes more bytes
 * to know. What is neither these nor an untagged response is said to be one of these, so that it is refused.
 */
export function isStatusLine(bytes: Uint8Array, start: number, end: number): boolean | undefined {
  if (start === end) return undefined;
  if (bytes[start] !== STAR) return true;
  if (start + 1 === end) return undefined;
  if (bytes[start + 1] !== SPACE) return true;
  const from = start + 2;
  const most = Math.min(end, from + longestName + 1);
  const nameEnd = skipBytes(bytes, { start: from, end: most, kind: tagByte });
  if (nameEnd - from > longestName) return false;
  if (nameEnd === end) return undefined;
  const name = asciiText(bytes, from, nameEnd).toUpperCase();
  return statusNames.has(name) || name === capabilityName || name === "";
}

/** Takes such a line apart, which has its line end. Throws a {@linkcode RemoteProtocolError} for another one. */
export function parseStatusLine(bytes: Uint8Array, concealer?: Concealer): StatusLine {
  const end = contentEnd(bytes);
  if (bytes[0] === PLUS && (end === 1 || bytes[1] === SPACE)) {
    const text = decodeUtf8(bytes.subarray(2, end));
    return { kind: "continuation", tag: undefined, name: "", code: undefined, text };
  }
  const line = decodeUtf8(bytes.subarray(0, end));
  const [first, name = ""] = line.split(" ", 2);
  const rest = line.slice(first.length + name.length + 2);
  const known = name.toUpperCase();
  if (first === "*" && known === capabilityName) {
    return { kind: "untagged", tag: undefined, name: known, code: undefined, text: rest };
  }
  if (first === "*" && statusNames.has(known)) {
    return { kind: "untagged", tag: undefined, name: known, ...parseResponseText(rest) };
  }
  if (isTag(first) && taggedNames.has(known)) {
    return { kind: "tagged", tag: first, name: known, ...parseResponseText(rest) };
  }
  throw noResponse(bytes, concealer);
}

/** Throws a {@linkcode RemoteProtocolError} for a status response of more bytes than `limits.responseLine`. */
export function checkStatusSize({ length }: Uint8Array, limit: number): void {
  if (length <= limit) return;
  throw new RemoteProtocolError(
    `The server's status response has more than ${limit} bytes. ` +
      'If that is what it answers, raise "limits.responseLine".',
    { limit: "responseLine" },
  );
}

/** The error for bytes that are no response. Without a concealer it doesn't tell them: they may be a password. */
export function noResponse(
  bytes: Uint8Array,
  concealer: Concealer | undefined,
): RemoteProtocolError {
  const what = concealer === undefined ? "something" : concealer.quote(bytes.subarray(0, 100));
  return new RemoteProtocolError(
    `The server sent ${what} that is no response of IMAP. Is it an IMAP server, and does it expect TLS?`,
  );
}
