/**
 * The handler that runs commands on a mail system in memory.
 *
 * @module
 */

import {
  findCommand,
  type GivenOptions,
  type Option,
  optionsOf,
  parseOptions,
} from "../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../core/mod.ts";
import { CommandFailure } from "../doveadm/server/command_failure.ts";
import type { DoveadmHandler, ReplyField, ServerRequest } from "../doveadm/server/handler.ts";
import type { Command, CommandCall, Fields } from "./commands/command.ts";
import { flagCommands } from "./commands/flags.ts";
import { mailboxCommands } from "./commands/mailboxes.ts";
import { mailCommands } from "./commands/mails.ts";
import { quotaCommands } from "./commands/quota.ts";
import { savingCommands } from "./commands/saving.ts";
import { upkeepCommands } from "./commands/upkeep.ts";
import { userCommands } from "./commands/users.ts";
import type { MailSystem } from "./mail_system.ts";
import { hasWildcards } from "./mailboxes/wildcards.ts";

/** The commands by name. */
const commands: Readonly<Record<string, Command>> = {
  ...userCommands,
  ...quotaCommands,
  ...mailboxCommands,
  ...mailCommands,
  ...savingCommands,
  ...flagCommands,
  ...upkeepCommands,
};

/** The names of the commands. */
export const commandNames: readonly string[] = Object.keys(commands);

/**
 * Answers the commands of doveadm as Dovecot 2.3 does, from a mail system in memory.
 *
 * A command on mail acts on the user that the request names. "-A" and "-u" with a mask select no users,
 * as on the servers of 2.3; they only put the user's name before each row.
 *
 * @example
 * ```ts
 * import { MailSystem, mailHandler } from "@dovewire/dovewire/testing";
 *
 * const handler = mailHandler(new MailSystem({ users: { alice: {} } }));
 * ```
 */
export function mailHandler(system: MailSystem): DoveadmHandler {
  return (request) => {
    const { name, args } = wholeName(request);
    const command = commands[name];
    const arguments_ = parseArguments(args, optionsOf(findCommand(name)!, "2.3"));
    const call: CommandCall = { system, request, arguments: arguments_ };
    return command.kind === "server" ? command.run(call) : runOnMail(command, call);
  };
}

/** Parses a line's arguments; throws a `CommandFailure` "USAGE" for invalid ones. */
function parseArguments(args: readonly string[], options: readonly Option[]): GivenOptions {
  try {
    return parseOptions(args, options);
  } catch (error) {
    if (!(error instanceof LocalProtocolError)) throw error;
    throw new CommandFailure("USAGE", { log: error.message });
  }
}

/** A request's command and arguments. Some of the name's words may be among the arguments. */
function wholeName(request: ServerRequest): { name: string; args: readonly string[] } {
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

function runOnMail(command: Command & { kind: "mail" }, call: CommandCall): Fields {
  const { system, request, arguments: arguments_ } = call;
  command.check?.(arguments_);
  const columns = command.columns(arguments_);
  if (arguments_.has("user-file")) {
    const file = arguments_.text("user-file");
    throw new CommandFailure("TEMPFAIL", { log: `open(${file}) failed: there are no files here` });
  }
  const { user: name = "" } = request;
  const user = system.findUser(name);
  if (user === undefined) {
    throw new CommandFailure("NOUSER", { log: `doveadm(${name}): User doesn't exist` });
  }
  const fields = command.run({ ...call, user });
  return hasUserColumn(arguments_) && columns > 0 ? withUser(name, fields, columns) : fields;
}

function hasUserColumn(arguments_: GivenOptions): boolean {
  return arguments_.has("all-users") || hasWildcards(arguments_.text("user") ?? "");
}

/** Rows with a user's name before each. */
async function* withUser(
  name: string,
  fields: Fields,
  columns: number,
): AsyncIterable<ReplyField> {
  let column = 0;
  for await (const field of fields) {
    if (column === 0) yield name;
    column = (column + 1) % columns;
    yield field;
  }
}
