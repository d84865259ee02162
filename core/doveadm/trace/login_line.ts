/**
 * The secrets of a login.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../../bytes.ts";

/** A login, taken apart. */
export interface LoginLine {
  /** The name, if it is a valid one. */
  readonly username: Uint8Array | undefined;
  /** What must not be shown: the password, and the line's own encoding of it. */
  readonly secrets: readonly string[];
  /** What is wrong with it, in a sentence. */
  readonly fault: string | undefined;
}

/** Takes a login's line apart: "PLAIN" and base64 of a NUL, the name, another NUL and the password. */
export function parseLogin(line: string): LoginLine {
  const [mechanism, ...fields] = line.split(/[\t ]/);
  const secrets = fields.filter((field) => field !== "");
  const plain = fields.map(decodeBase64);
  for (const decoded of plain) secrets.push(...decoded.split("\0").filter((part) => part !== ""));
  const [first = ""] = plain;
  const [identity, username, password] = first.split("\0");
  const isPlain = mechanism === "PLAIN" && line.startsWith("PLAIN\t") && fields.length === 1;
  const isPadded = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
    .test(fields[0] ?? "");
  const isValid = isPlain && isPadded && identity === "" && password !== undefined;
  return {
    username: isValid ? encodeUtf8(username) : undefined,
    // The name is known, and is nothing to hide.
    secrets: isValid ? secrets.filter((secret) => secret !== username) : secrets,
    fault: isValid
      ? undefined
      : "Expected PLAIN, a TAB, and base64 of a NUL, the name, a NUL and the password.",
  };
}

/** Decodes base64, also without padding; other characters are left out. */
function decodeBase64(text: string): string {
  const digits = text.replace(/[^A-Za-z0-9+/]/g, "");
  const whole = digits.slice(0, digits.length - (digits.length % 4 === 1 ? 1 : 0));
  return decodeUtf8(Uint8Array.from(atob(whole), (character) => character.charCodeAt(0)));
}
