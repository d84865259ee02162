#!/usr/bin/env node
/**
 * The program `extractor`: becomes a user of the system, and answers a webmail's requests from a maildir
 * over its standard input and output. Its messages go to standard error.
 *
 *     extractor [--protocol=1|2|3] <maildir> <system-user> <mail-user> [<method> [<arguments>…]]
 *
 * It is started by qmail-authuser, or whatever has the checkpassword interface, once the password was
 * right: as root, or by a program that is setuid root. Whoever may start it that way chooses what it
 * reads. It takes nothing from its environment; the runtime under it does, before it can do anything
 * about that: Node ignores NODE_OPTIONS below a program that is setuid, other runtimes may not, and Bun
 * reads .env and bunfig.toml of the folder that it is started in. Start it with an environment and in a
 * folder that nobody else has chosen.
 *
 * Below a program that is setuid root, the real user is the one who started that, and may send signals
 * to what is still root: a SIGUSR1 opens Node's and Deno's debugger on 127.0.0.1, to which one can say
 * then what is run as root. The program can do nothing about that either. Have it started as root in
 * all respects, by something that calls setuid(0) first, as `setpriv --reuid=0` does; or start Node
 * with --disable-sigusr1, which it has from 22.14 on. Bun has no such debugger.
 *
 * Exit codes: 0 all went well; 3 the request came to nothing, or something else went wrong; 4 the request
 * or the arguments were wrong; 5 it couldn't become the user; 6 it doesn't know the method. Of version 3
 * failures are answers, and 0 is the code for these as well.
 *
 * @module
 */

import { messageOf } from "@dovewire/dovewire/core";
import { resolve } from "node:path";
import process from "node:process";
import { extractorExitCodes, parseExtractorArguments } from "@dovewire/dovewire/core/extractor";
import { maildirHandler, serveExtractor } from "../server/mod.ts";
import { stdio } from "@dovewire/dovewire/transports";
import { checkMailUser, openMaildir } from "./mail_user.ts";
import { dropPrivileges } from "./privileges.ts";

/** The package's version. */
const packageVersion = "0.1.0";

const help = `\
Answers a webmail's requests from a maildir, on standard input and output.

Usage: extractor [--protocol=1|2|3] <maildir> <system-user> <mail-user>
                 [<method> [<arguments>…]]

  <maildir>      the folder that has the mail users' maildirs in it
  <system-user>  the user to become: a name or a number of /etc/passwd, or
                 two numbers, as in 1000:1000, of a user and a group; not root
  <mail-user>    the name of the maildir's folder; "." if it is <maildir> itself
  <method>       protocols 1 and 2: what is asked for
  <arguments>    protocol 1: the method's arguments, all of them in their order

  --protocol=N   3 unless there is a method, 1 if there is one
  --help         this text
  --version      the version

Start it as root, by qmail-authuser for instance, or as the user itself. Where
root is the effective user alone, start "setpriv --reuid=0 extractor …", so that
nobody else may send it signals.
On Deno it needs --allow-all.
`;

/** Does all of it, and gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === "--help" || argv[0] === "--version")) {
    const text = argv[0] === "--help" ? help : `extractor of dovewire ${packageVersion}\n`;
    await new Promise((written) => process.stdout.write(text, written));
    return extractorExitCodes.ok;
  }
  const commandLine = attempt(extractorExitCodes.invalid, () => {
    const parsed = parseExtractorArguments(argv);
    checkMailUser(parsed.mailUser);
    // As long as the folder is the one that it was started in.
    return { ...parsed, maildir: resolve(parsed.maildir) };
  });
  if (typeof commandLine === "number") return commandLine;
  const { version, maildir, systemUser, mailUser, method, args } = commandLine;
  // Before anything is looked at that isn't the system's own.
  const user = attempt(extractorExitCodes.privileges, () => dropPrivileges(systemUser));
  if (typeof user === "number") return user;
  return await serveExtractor(await stdio(), maildirHandler(() => openMaildir(maildir, mailUser)), {
    version,
    ...(version === 3 ? {} : { method }),
    ...(version === 1 ? { args } : {}),
    onError: complain,
  });
}

/** What a function gives; the code, and a message, if it throws. */
function attempt<Result>(code: number, act: () => Result): Result | number {
  try {
    return act();
  } catch (error) {
    complain(messageOf(error));
    return code;
  }
}

/** Writes a message: of errors that were to be expected without where they came from. */
function complain(problem: unknown): void {
  const isMistake = problem instanceof Error && !("sent" in problem) && !("code" in problem);
  const text = isMistake ? problem.stack ?? problem.message : messageOf(problem);
  process.stderr.write(`extractor: ${text}\n`);
}

/** Ends at once: not with the runtime's 1, which says that the password is wrong. */
function crash(error: unknown): void {
  complain(error);
  process.exit(extractorExitCodes.failure);
}

// Nobody may read the messages.
process.stderr.on("error", () => {});
process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);
process.exitCode = await main(process.argv.slice(2));
