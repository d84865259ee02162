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
 * Whether strings of a command may have line ends, by its name and its first line: those that are a text of several
 * lines, metadata and scripts. Nobody's mailbox, search or flag has any, and Dovecot repeats some of these in the text
 * of an answer as they are, so that what follows a line end would be read as another response.
 */
export function mayHaveLineEnds(name: string, line: Uint8Array): boolean {
  if (name === "SETMETADATA" || name === "FILTER") return true;
  return name === "UID" &&
    /^\S+ +UID +FILTER /i.test(asciiText(line, 0, Math.min(line.length, 300)));
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
