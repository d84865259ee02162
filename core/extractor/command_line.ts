/**
 * The arguments that an extractor is started with.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { shownValue } from "../option_checks.ts";
import { defaultMaxMethodSize, encodeMethod } from "./limits.ts";

/** The arguments of an extractor's process. */
export interface ExtractorCommandLine {
  /** The version to speak. */
  version: 1 | 2 | 3;
  /** The folder that has a maildir for each mail user. */
  maildir: string;
  /** The user of the system to become. */
  systemUser: string;
  /** The user whose mails they are. */
  mailUser: string;
  /** The method, in versions 1 and 2. Version 3 has it in each request. */
  method?: string;
  /** Version 1: the method's arguments in their order, all of them. */
  args?: readonly string[];
}

const usage = "[--protocol=1|2|3] <maildir> <system-user> <mail-user> [<method> [<arguments>…]]";

/**
 * The arguments for an extractor: `[--protocol=1|2|3] <maildir> <system-user> <mail-user> [<method>
 * [<arguments>…]]`. The option is left out if it isn't needed: for version 3 without a method, and for
 * version 1 with one, which the first extractors used.
 *
 * Throws a {@linkcode LocalProtocolError} if the version takes no such method or arguments, or needs one,
 * and for text that no argument can carry.
 *
 * @example
 * ```ts
 * import { extractorArguments } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * const who = { maildir: "/var/mail", systemUser: "vmail", mailUser: "joe" };
 * assert.deepEqual(extractorArguments({ version: 3, ...who }), ["/var/mail", "vmail", "joe"]);
 * assert.deepEqual(
 *   extractorArguments({ version: 2, ...who, method: "count" }),
 *   ["--protocol=2", "/var/mail", "vmail", "joe", "count"],
 * );
 * ```
 */
export function extractorArguments(commandLine: ExtractorCommandLine): string[] {
  const { version, maildir, systemUser, mailUser, method, args = [] } = commandLine;
  checkCommandLine(commandLine);
  const options = version === 2 ? ["--protocol=2"] : maildir.startsWith("-") ? ["--"] : [];
  if (version === 2 && maildir.startsWith("-")) options.push("--");
  const request = method === undefined ? [] : [method, ...args];
  return [...options, maildir, systemUser, mailUser, ...request];
}

/**
 * Reads what {@linkcode extractorArguments} gives, without the program's name. `--` ends the options.
 * Throws a {@linkcode LocalProtocolError} that shows the usage for invalid arguments.
 */
export function parseExtractorArguments(argv: readonly string[]): ExtractorCommandLine {
  let version: 1 | 2 | 3 | undefined;
  let at = 0;
  for (; at < argv.length && argv[at].startsWith("-"); at++) {
    if (argv[at] === "--") {
      at++;
      break;
    }
    const given = /^--protocol=([123])$/.exec(argv[at])?.[1];
    if (given === undefined) throw misuse(`${JSON.stringify(argv[at])} is no option`);
    version = Number(given) as 1 | 2 | 3;
  }
  const [maildir, systemUser, mailUser, method, ...args] = argv.slice(at);
  if (mailUser === undefined) throw misuse("An argument is missing");
  const commandLine: ExtractorCommandLine = {
    version: version ?? (method === undefined ? 3 : 1),
    maildir,
    systemUser,
    mailUser,
    ...(method === undefined ? {} : { method, args }),
  };
  checkCommandLine(commandLine);
  return commandLine;
}

function checkCommandLine(commandLine: ExtractorCommandLine): void {
  const { version, maildir, systemUser, mailUser, method, args = [] } = commandLine;
  if (version !== 1 && version !== 2 && version !== 3) {
    throw misuse(`"version" is ${shownValue(version)}, and has to be 1, 2 or 3`);
  }
  if (maildir === "" || systemUser === "") {
    throw misuse(`The ${maildir === "" ? "maildir" : "system user"} is empty`);
  }
  for (const value of [maildir, systemUser, mailUser, ...args]) {
    if (typeof value === "string" && value.isWellFormed() && !value.includes("\0")) continue;
    throw misuse(
      `${shownValue(value)} is no string, or contains a NUL or half a surrogate pair`,
    );
  }
  if (version === 3 && method !== undefined) {
    throw misuse("Version 3 has its methods in its requests, and none among the arguments");
  }
  if (version !== 3 && method === undefined) {
    throw misuse(`Version ${version} has its method among the arguments, and there is none`);
  }
  if (version !== 1 && args.length > 0) {
    throw misuse(
      `Version ${version} has a request's values in its message, and none among the arguments`,
    );
  }
  if (method !== undefined) encodeMethod(method, defaultMaxMethodSize);
}

function misuse(what: string): LocalProtocolError {
  return new LocalProtocolError(`${what}. The arguments are: ${usage}`);
}
