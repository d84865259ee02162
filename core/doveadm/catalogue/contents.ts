/**
 * Checks values of parameters beyond their type.
 *
 * For an invalid value a server aborts the command and closes the connection, mostly without an error, so
 * that everything that can be checked in advance is checked here.
 *
 * Source: the commands' files in Dovecot's src/doveadm and src/plugins, and tests of servers.
 *
 * @module
 */

import { parseQuery } from "../query/parse_query.ts";
import { DeepQueryError, QueryError } from "../query/query_words.ts";
import { dangerOf } from "../query/safe_query.ts";
import { readSearchTime, readUnsigned } from "../query/search_time.ts";
import type { DovecotVersion, ParameterContent, ParameterInfo } from "./command_info.ts";

/** Why a value is invalid, as a part of a sentence; `undefined` for a valid one. */
type Check = (value: string, version: DovecotVersion) => string | undefined;

const versions: readonly DovecotVersion[] = ["2.3", "2.4"];

/**
 * Why a server of a version refuses a parameter's value, as a part of a sentence; `undefined` if it accepts
 * it. Without a version, why all versions refuse it.
 */
export function contentFault(
  { content }: ParameterInfo,
  value: string | number | bigint | true | readonly string[],
  version?: DovecotVersion,
): string | undefined {
  if (content === undefined) return undefined;
  const items = typeof value === "object" ? value : [String(value)];
  if (version !== undefined) return faultIn(content, items, version);
  const faults = versions.map((each) => faultIn(content, items, each));
  return faults.every((fault) => fault !== undefined) ? faults.at(-1) : undefined;
}

/** Whether only some versions accept a value. */
export function isContentVersioned(
  parameter: ParameterInfo,
  value: string | number | bigint | true | readonly string[],
): boolean {
  const faults = versions.map((each) => contentFault(parameter, value, each));
  return faults.some((fault) => fault === undefined) &&
    faults.some((fault) => fault !== undefined);
}

function faultIn(
  content: ParameterContent,
  items: readonly string[],
  version: DovecotVersion,
): string | undefined {
  switch (content) {
    case "query":
    case "removal-query":
      return queryFault(items, version, content === "removal-query");
    case "flags":
      return flagsFault(items, version);
    case "single":
      return items.length === 1 ? undefined : "it accepts one value. Send one call for each";
  }
  for (const item of items) {
    const fault = checks[content](item, version);
    if (fault !== undefined) return fault;
  }
}

function queryFault(
  words: readonly string[],
  version: DovecotVersion,
  removes: boolean,
): string | undefined {
  try {
    const query = parseQuery(words, version);
    return removes ? dangerOf(query) : undefined;
  } catch (error) {
    // It is unknown whether Dovecot's stack is large enough.
    if (error instanceof DeepQueryError) return undefined;
    if (error instanceof QueryError) return error.reason;
    throw error;
  }
}

const systemFlags = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "\\Recent"];

function flagsFault(items: readonly string[], version: DovecotVersion): string | undefined {
  // 2.3 reads them as one text with spaces between.
  const text = items.join(" ");
  const flags = version === "2.4" ? items : text === "" ? [] : text.split(" ");
  for (const flag of flags) {
    const fault = flag.startsWith("\\") ? systemFlagFault(flag) : keywordFault(flag);
    if (fault !== undefined) return fault;
  }
}

function systemFlagFault(flag: string): string | undefined {
  if (systemFlags.some((known) => known.toLowerCase() === flag.toLowerCase())) return undefined;
  return `${JSON.stringify(flag)} is not a system flag. Those are ${systemFlags.join(", ")}; a ` +
    "keyword, which can be any word, has no backslash";
}

function keywordFault(keyword: string): string | undefined {
  if (keyword === "") return "a keyword is empty";
  const wrong = /[^!-~]|[(){%*"\\\]]/.exec(keyword)?.[0];
  if (wrong === undefined) return undefined;
  return `the keyword ${JSON.stringify(keyword)} has ${
    JSON.stringify(wrong)
  } in it. Keywords are ` +
    'of ASCII without spaces, control characters and ( ) { ] % * " \\';
}

const rights =
  "lookup read write write-seen write-deleted insert post expunge create delete admin all"
    .split(" ");

const decisions = ["yes", "temp", "no"];

const pathTypes: Readonly<Record<DovecotVersion, readonly string[]>> = {
  "2.3": ["dir", "alt-dir", "mailbox", "alt-mailbox", "control", "index", "index-private"],
  "2.4": [
    ...["dir", "alt-dir", "mailbox", "alt-mailbox", "control", "index", "index-private"],
    ...["index-cache", "list-index"],
  ],
};

const checks: Readonly<
  Record<Exclude<ParameterContent, "query" | "removal-query" | "flags" | "single">, Check>
> = {
  date: (value, version) =>
    value === "-1" || readSearchTime(value, version) !== undefined
      ? undefined
      : `${JSON.stringify(value)} is not a date. Use one like "2026-01-31", "31-Jan-2026", ` +
        '"2 days" (ago), or a time in seconds since 1970',
  guid: (value) =>
    /^[\da-f]{32}$/i.test(value)
      ? undefined
      : `${JSON.stringify(value)} is not a GUID, which has 32 hexadecimal digits`,
  "not-empty": (value) => value === "" ? "it is empty. Leave it out if there is none" : undefined,
  uint32: (value) =>
    readUnsigned(value, 32) !== undefined ? undefined : `${value} isn't from 0 to 4294967295`,
  uint64: (value) => readUnsigned(value, 64) !== undefined ? undefined : `${value} is below 0`,
  nanoseconds: (value) =>
    Number(value) >= 1e9
      ? undefined
      : `${value} isn't 1000000000 or more. It is a time in nanoseconds since 1970`,
  "metadata-key": (value) =>
    /^\/(private|shared)(\/|$)/i.test(value)
      ? undefined
      : `${JSON.stringify(value)} doesn't begin with "/private/" or "/shared/"`,
  "acl-id": (value) =>
    /^(user=|group=|group-override=|(owner|authenticated|anyone|anonymous)$)/.test(value)
      ? undefined
      : `${JSON.stringify(value)} is not an identifier. Use "user=NAME", "group=NAME", ` +
        '"group-override=NAME", "owner", "authenticated" or "anyone"',
  "acl-right": (value) =>
    /^-?:/.test(value) || rights.includes(value.replace(/^-/, ""))
      ? undefined
      : `${JSON.stringify(value)} is no right. There are ${
        rights.join(", ")
      }, each also with "-" ` +
        'before it to deny it; a plugin\'s own right has ":" before it',
  "script-name": (value) =>
    value !== "" && !/[\p{Cc}/\u2028\u2029]/u.test(value)
      ? undefined
      : "the name of a Sieve script can't be empty, and has no control characters and no slashes",
  "cache-decision": (value) =>
    decisions.includes(value)
      ? undefined
      : `${JSON.stringify(value)} is not one of ${decisions.join(", ")}`,
  "path-type": (value, version) =>
    pathTypes[version].includes(value)
      ? undefined
      : `${JSON.stringify(value)} is not one of ${pathTypes[version].join(", ")}`,
  ip: (value) => isAddress(value) ? undefined : `${JSON.stringify(value)} is not an IP address`,
  "auth-info": authInfoFault,
  unusable: () => "Dovecot 2.3 and 2.4 crash on it. Leave it out",
};

function authInfoFault(value: string, version: DovecotVersion): string | undefined {
  const equals = value.indexOf("=");
  const [name, rest] = [value.slice(0, equals), value.slice(equals + 1)];
  switch (name) {
    case "lip":
    case "rip":
      return isAddress(rest) ? undefined : `${JSON.stringify(rest)} is not an IP address`;
    case "lport":
    case "rport":
      return readUnsigned(rest, 16)
        ? undefined
        : `${JSON.stringify(rest)} is not a port, which is from 1 to 65535`;
    case "service":
      return undefined;
    case "protocol":
      if (version === "2.4") return undefined;
  }
  return `${JSON.stringify(value)} is not one of "service=NAME", "lip=ADDRESS", "rip=ADDRESS", ` +
    '"lport=PORT", "rport=PORT"';
}

/** Whether inet_aton() or inet_pton() accept the address. */
function isAddress(text: string): boolean {
  if (text.includes(":")) return /^\[?[\da-f:.]+(%[^\]]+)?\]?$/i.test(text);
  const parts = text.split(".");
  return parts.length <= 4 && parts.every((part, at) => {
    if (!/^(0x[\da-f]+|\d+)$/i.test(part)) return false;
    const bits = at === parts.length - 1 ? 8 * (5 - parts.length) : 8;
    return Number(part) < 2 ** bits;
  });
}
