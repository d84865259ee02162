/**
 * The handler that runs commands on a mail system in memory.
 *
 * @module
 */

import {
  type DovecotVersion,
  findCommand,
  type GivenOptions,
  type Option,
  optionsOf,
} from "../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../core/mod.ts";
import { checkOptions, shownValue } from "../core/option_checks.ts";
import { CommandFailure } from "../doveadm/server/command_failure.ts";
import type { DoveadmHandler, ServerRequest } from "../doveadm/server/handler.ts";
import type { CommandCall } from "./commands/command.ts";
import type { MailSystem } from "./mail_system.ts";
import { runOnMail } from "./run_on_mail.ts";
import { type ServerVersion, serverVersions } from "./versions/version.ts";

/** The names of the commands. */
export const commandNames: readonly string[] = Object.keys(serverVersions["2.3"].commands);

/** Options for {@linkcode mailHandler}. */
export interface MailHandlerOptions {
  /** The version of Dovecot to answer as; "2.3" if left out. */
  readonly version?: DovecotVersion;
  /**
   * The host of the server that has a user, or `undefined` for a user of this one. Commands on the mail of
   * such a user fail with "REFERRAL" and `user@host`, as those of Dovecot 2.4 do, also if the mail system
   * knows the user. No other version refers: together with "2.3" this is an error.
   */
  readonly hostOf?: (user: string) => string | undefined;
}

/**
 * Answers the commands of doveadm as Dovecot does, from a mail system in memory.
 *
 * A command on mail acts on the user that the request names. "-A" selects all users on 2.4, in the order in
 * which the mail system has them; on 2.3 it only puts the user's name before each row. "-u" selects nobody:
 * clients of both versions put the user into the request.
 *
 * Throws a `LocalProtocolError` for a version that is unknown or has no referrals.
 *
 * @example
 * ```ts
 * import { MailSystem, mailHandler } from "@dovewire/dovewire/testing";
 *
 * const handler = mailHandler(new MailSystem({ users: { alice: {} } }), { version: "2.4" });
 * ```
 */
export function mailHandler(
  system: MailSystem,
  options: MailHandlerOptions = {},
): DoveadmHandler {
  checkOptions(options, { functions: ["hostOf"] });
  const { version = "2.3", hostOf } = options;
  const played = serverVersion(version);
  if (hostOf !== undefined && !played.hasReferrals) {
    throw new LocalProtocolError(
      `Dovecot ${version} refers no client to another server. Leave out "hostOf", or set "version" to "2.4".`,
    );
  }
  return (request) => {
    const { name, args } = wholeName(request, played);
    const command = played.commands[name];
    const arguments_ = parseArguments(args, optionsOf(findCommand(name)!, version), played);
    const call: CommandCall = { system, request, arguments: arguments_, rules: played.rules };
    return command.kind === "server"
      ? command.run(call)
      : runOnMail(command, call, { version: played, hostOf });
  };
}

/** A version by its name; throws a `LocalProtocolError` for another one. */
export function serverVersion(name: DovecotVersion): ServerVersion {
  if (typeof name === "string" && Object.hasOwn(serverVersions, name)) return serverVersions[name];
  throw new LocalProtocolError(
    `The embedded server can't answer as Dovecot ${shownValue(name)}. Use one of ${
      Object.keys(serverVersions).map((it) => JSON.stringify(it)).join(", ")
    }.`,
  );
}

/** Parses a line's arguments; throws a `CommandFailure` "USAGE" for invalid ones. */
function parseArguments(
  args: readonly string[],
  options: readonly Option[],
  version: ServerVersion,
): GivenOptions {
  try {
    return version.parseArguments(args, options);
  } catch (error) {
    if (!(error instanceof LocalProtocolError)) throw error;
    throw new CommandFailure("USAGE", { log: error.message });
  }
}

/** A request's command and arguments. Some of the name's words may be among the arguments. */
function wholeName(
  request: ServerRequest,
  { commands }: ServerVersion,
): { name: string; args: readonly string[] } {
  const { name, args } = request;
  const words = [name];
  for (let used = 0;; used++) {
    const full = words.join(" ");
    if (Object.hasOwn(commands, full)) return { name: full, args: args.slice(used) };
    const isBeginning = commandNames.some((other) => other.startsWith(`${full} `));
    if (!isBeginning || used === args.length) break;
    words.push(args[used]);
  }
  throw new CommandFailure("", { log: `Client sent unknown command: ${name}` });
}
