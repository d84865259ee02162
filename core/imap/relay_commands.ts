/**
 * What a relay passes on: commands by name, and capabilities.
 *
 * @module
 */

import type { CapabilityRewrite } from "./capability.ts";
import { asciiText } from "./command_line.ts";
import { isAtom } from "./syntax.ts";

/**
 * Commands that take no string, so that a literal can't belong to them. A server answers some of these without
 * a look at their arguments, so that it would read a literal's data as commands.
 */
const withoutLiterals: readonly string[] = [
  "CAPABILITY",
  "CHECK",
  "CLOSE",
  "ENABLE",
  "EXPUNGE",
  "IDLE",
  "LOGOUT",
  "NAMESPACE",
  "NOOP",
  "UNSELECT",
];

/** Commands whose arguments may contain strings: those of RFC 9051 and 3501, and of the extensions of Dovecot. */
const withLiterals: readonly string[] = [
  "APPEND",
  "CANCELUPDATE",
  "COPY",
  "CREATE",
  "DELETE",
  "DELETEACL",
  "EXAMINE",
  "FETCH",
  "FILTER",
  "GENURLAUTH",
  "GETACL",
  "GETMETADATA",
  "GETQUOTA",
  "GETQUOTAROOT",
  "ID",
  "LIST",
  "LISTRIGHTS",
  "LSUB",
  "MOVE",
  "MYRIGHTS",
  "NOTIFY",
  "RENAME",
  "REPLACE",
  "RESETKEY",
  "SEARCH",
  "SELECT",
  "SETACL",
  "SETMETADATA",
  "SETQUOTA",
  "SORT",
  "STATUS",
  "STORE",
  "SUBSCRIBE",
  "THREAD",
  "UID",
  "UNSUBSCRIBE",
  "URLFETCH",
  "XLIST",
];

const passed: ReadonlyMap<string, boolean> = new Map([
  ...withoutLiterals.map((name) => [name, false] as const),
  ...withLiterals.map((name) => [name, true] as const),
]);

/**
 * Whether a relay passes a command on, by its name in capital letters: not the login's commands, not those that
 * change how the connection is read (COMPRESS, STARTTLS, UNAUTHENTICATE), and none that it doesn't know.
 */
export function isPassed(name: string): boolean {
  return passed.has(name);
}

/** Whether a command that is passed on may have literals. */
export function takesLiterals(name: string): boolean {
  return passed.get(name) === true;
}

/**
 * Commands after which a server may not read the next line as a command when it has answered them in place of their
 * literal: Dovecot skips it, or asks for the literal after all. UID may stand before FILTER.
 */
const skipping: readonly string[] = ["FILTER", "SETMETADATA", "UID"];

/** Whether a server may not read the next line as a command when it has refused a literal of one of that name. */
export function maySkipLine(name: string): boolean {
  return skipping.includes(name);
}

/** An atom or a quoted string. */
const word = String.raw`(?:[^\s"(){]+|"(?:[^"\\]|\\.)*")`;

/** Lines, or what is between two literals, after which the value of an item of metadata follows. */
const beforeValue = new RegExp(
  String.raw`^\S+ +SETMETADATA +${word} +\((?:${word} +${word} +)*${word} +$`,
  "i",
);
const betweenValues = new RegExp(String.raw`^ +(?:${word} +${word} +)*${word} +$`);

/** A line after which a Sieve script follows. */
const beforeScript = /^\S+ +(?:UID +)?FILTER +SIEVE +SCRIPT +$/i;

/** How long a line is at most that is looked at. */
const longestBefore = 8192;

/**
 * Whether the literal after a line is a text of several lines: the value of an item of metadata, or a script. After the
 * first literal of a command, the line is what is between two literals, and `previous` says what the one before was.
 *
 * Nobody's mailbox, search or flag has line ends, and Dovecot repeats some of these in the text of an answer as they
 * are, so that what follows a line end would be read as another response.
 */
export function isTextAfter(line: Uint8Array, previous: boolean | undefined): boolean {
  if (line.length > longestBefore) return false;
  const text = asciiText(line, 0, line.length);
  if (previous === undefined) return beforeValue.test(text) || beforeScript.test(text);
  return previous && betweenValues.test(text);
}

/** Whether a command selects a mailbox, which is its first argument. */
export function selectsMailbox(name: string): boolean {
  return name === "SELECT" || name === "EXAMINE";
}

/** What the relay answers or does itself, or can't let through. */
const hidden = /^(?:AUTH=.*|COMPRESS=.*|LOGIN-REFERRALS|LOGINDISABLED|STARTTLS|UNAUTHENTICATE)$/i;

/**
 * How a server's capabilities are rewritten for the relay's client: without what the relay refuses or what is
 * no capability, and with what it adds.
 */
export function relayedCapabilities(adds: readonly string[]): CapabilityRewrite {
  return { removes: (capability) => hidden.test(capability) || !isAtom(capability), adds };
}
