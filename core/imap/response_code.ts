/**
 * Response codes: what a status response has in brackets.
 *
 * @module
 */

/** A response code (RFC 9051, 7.1): `[UIDNEXT 4392]`. */
export interface ResponseCode {
  /** Its name in capital letters: "UIDNEXT". */
  readonly name: string;
  /** What follows the name, as it was written: "4392"; empty if nothing does. */
  readonly text: string;
}

/** A status response's text, taken apart. */
export interface ResponseText {
  /** The code, if it begins with one. */
  readonly code: ResponseCode | undefined;
  /** The text for humans, without the code. */
  readonly text: string;
}

/**
 * Takes the text of a status response apart (RFC 9051, 9, `resp-text`). What begins with a bracket and is no
 * code is text.
 *
 * @example
 * ```ts
 * import { parseResponseText } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseResponseText("[UIDNEXT 4392] Predicted next UID"), {
 *   code: { name: "UIDNEXT", text: "4392" },
 *   text: "Predicted next UID",
 * });
 * ```
 */
export function parseResponseText(text: string): ResponseText {
  const end = codeEnd(text);
  const found = end === -1 ? null : /^([^\s()[\]"{]+)(?: +(.*))?$/s.exec(text.slice(1, end));
  if (found === null) return { code: undefined, text };
  const [, name, rest = ""] = found;
  return {
    code: { name: name.toUpperCase(), text: rest },
    text: text.slice(text[end + 1] === " " ? end + 2 : end + 1),
  };
}

/** The place of a code's closing bracket, or -1; a bracket in a quoted string is none, if the quotes are in pairs. */
function codeEnd(text: string): number {
  if (text[0] !== "[") return -1;
  let isQuoted = false;
  for (let at = 1; at < text.length; at++) {
    if (isQuoted && text[at] === "\\") at++;
    else if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === "]" && !isQuoted) return at;
  }
  return isQuoted ? text.indexOf("]") : -1;
}
