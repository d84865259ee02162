/**
 * Parses a command's line on the server.
 *
 * @module
 */

import { decodeUtf8, decodeUtf8Strictly, quote } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import type { DoveadmCommand } from "./command.ts";
import { tabUnescape } from "./tab_escape.ts";

/** A parsed command line. */
export interface CommandLine {
  /** The command. */
  readonly command: DoveadmCommand;
  /** Why it can't be run; `undefined` for a valid one. */
  readonly mistake: string | undefined;
}

/**
 * Parses a command's line; `extraFields` says whether the server supports them (from protocol 1.3 on).
 *
 * Throws a {@linkcode RemoteProtocolError} for a line that can't be a command: Dovecot closes the
 * connection then. A field is cut at its first NUL, as in Dovecot. Source: Dovecot's
 * src/doveadm/client-connection-tcp.c.
 */
export function parseCommandLine(line: Uint8Array, extraFields: boolean): CommandLine {
  const end = line.indexOf(0);
  const bytes = end === -1 ? line : line.subarray(0, end);
  const decoded = decodeUtf8Strictly(bytes);
  const [flags, ...rest] = (decoded ?? decodeUtf8(bytes)).split("\t").map(tabUnescape).map(cut);
  const verbosity = parseFlags(flags, line, extraFields);
  const extra = flags.includes("x") ? rest.shift() : undefined;
  const [user, name, ...args] = rest;
  if (name === undefined) {
    throw new RemoteProtocolError(
      `The client sent ${quote(line)} instead of a command: flags, user, name, arguments.`,
    );
  }
  const command: DoveadmCommand = { name, args };
  if (user !== "") command.user = user;
  if (verbosity !== undefined) command.verbosity = verbosity;
  if (extra !== undefined) command.extraFields = parseExtraFields(extra);
  return { command, mistake: decoded === undefined ? "a field of it isn't UTF-8" : undefined };
}

/** The text up to its first NUL. */
function cut(text: string): string {
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}

function parseFlags(
  flags: string,
  line: Uint8Array,
  extraFields: boolean,
): DoveadmCommand["verbosity"] {
  for (const flag of flags) {
    if (flag === "v" || flag === "D" || (flag === "x" && extraFields)) continue;
    throw new RemoteProtocolError(
      `The client sent ${quote(line)} instead of a command: ${quoteText(flag)} is not a flag` +
        (flag === "x" ? " below protocol 1.3." : "."),
    );
  }
  if (flags.includes("D")) return "debug";
  return flags.includes("v") ? "verbose" : undefined;
}

/** The fields that accompany a command: `key=value`, separated by TABs. */
function parseExtraFields(text: string): Record<string, readonly string[]> {
  const fields: Record<string, string[]> = {};
  for (const item of text.split("\t").map(tabUnescape).map(cut)) {
    const end = item.indexOf("=");
    const key = end === -1 ? item : item.slice(0, end);
    if (!Object.hasOwn(fields, key)) {
      // A key may be "__proto__".
      Object.defineProperty(fields, key, { value: [], enumerable: true });
    }
    fields[key].push(end === -1 ? "" : item.slice(end + 1));
  }
  return fields;
}
