#!/usr/bin/env node
/**
 * The program `extractor`: becomes a user of the system, and answers a webmail's requests from a maildir
 * over its standard input and output. Its messages go to standard error.
 *
 *     extractor [--protocol=1|2|3] <maildir> <system-user> <mail-user> [<method> [<arguments>…]]
 *
 * qmail-authuser, or another program with the checkpassword interface, starts it after it has checked the
 * password: as root, or from a program that is setuid root. Users who may start it that way choose what
 * it reads. It takes nothing from its environment, but the runtime does, before the program can prevent
 * that: Node ignores NODE_OPTIONS under a setuid program, other runtimes may not, and Bun reads .env and
 * bunfig.toml of the folder that it is started in. Start it with an environment and in a folder that no
 * other user can choose.
 *
 * Under a program that is setuid root, the real user is the one who started that program, and may send
 * signals to the process while it is root: a SIGUSR1 opens Node's and Deno's debugger on 127.0.0.1, which
 * then runs any code as root. The program can't prevent that either. Start it with root as the real user,
 * too, by a program that calls setuid(0) first, as `setpriv --reuid=0` does; or start Node with
 * --disable-sigusr1, which exists since 22.14. Bun has no such debugger.
 *
 * Exit codes: 0 success; 3 the request failed, or another error occurred; 4 the request or the arguments
 * were wrong; 5 it couldn't become the user; 6 it doesn't know the method. In version 3 failures are
 * answers, and the code is 0 after them.
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
  <method>       protocols 1 and 2: the request's method
  <arguments>    protocol 1: the method's arguments, all of them in their order

  --protocol=N   3 unless there is a method, 1 if there is one
  --help         this text
  --version      the version

Start it as root, by qmail-authuser for instance, or as the user itself. If only
the effective user is root, start "setpriv --reuid=0 extractor …", so that no
other user may send it signals.
On Deno it needs --allow-all.
`;

/** Runs the program; resolves to the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === "--help" || argv[0] === "--version")) {
    const text = argv[0] === "--help" ? help : `extractor of dovewire ${packageVersion}\n`;
    await new Promise((written) => process.stdout.write(text, written));
    return extractorExitCodes.ok;
  }
  const commandLine = attempt(extractorExitCodes.invalid, () => {
    const parsed = parseExtractorArguments(argv);
    checkMailUser(parsed.mailUser);
    // Before the process leaves the folder that it was started in.
    return { ...parsed, maildir: resolve(parsed.maildir) };
  });
  if (typeof commandLine === "number") return commandLine;
  const { version, maildir, systemUser, mailUser, method, args } = commandLine;
  // Before it reads any file that isn't the system's own.
  const user = attempt(extractorExitCodes.privileges, () => dropPrivileges(systemUser));
  if (typeof user === "number") return user;
  return await serveExtractor(await stdio(), maildirHandler(() => openMaildir(maildir, mailUser)), {
    version,
    ...(version === 3 ? {} : { method }),
    ...(version === 1 ? { args } : {}),
    onError: complain,
  });
}

/** Returns a function's result; if it throws, prints a message and returns the exit code. */
function attempt<Result>(code: number, act: () => Result): Result | number {
  try {
    return act();
  } catch (error) {
    complain(messageOf(error));
    return code;
  }
}

/** Writes an error to standard error; expected ones without their stack. */
function complain(problem: unknown): void {
  const isMistake = problem instanceof Error && !("sent" in problem) && !("code" in problem);
  const text = isMistake ? problem.stack ?? problem.message : messageOf(problem);
  process.stderr.write(`extractor: ${text}\n`);
}

/** Ends at once, not with the runtime's exit code 1, which means that the password is wrong. */
function crash(error: unknown): void {
  complain(error);
  process.exit(extractorExitCodes.failure);
}

// Standard error may be closed: then messages are lost.
process.stderr.on("error", () => {});
process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);
process.exitCode = await main(process.argv.slice(2));
