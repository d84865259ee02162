/**
 * The commands on users and their logins, in Dovecot 2.4.
 *
 * @module
 */

import { CommandFailure } from "../../../doveadm/server/command_failure.ts";
import type { Command, CommandCall, Fields } from "../../commands/command.ts";
import { userCommand } from "../../commands/user.ts";
import { filterOf, isMeant, separateSessions, sessionsByUser } from "../../commands/users.ts";
import { parseIpRange } from "../../commands/ip_range.ts";
import { expandVariables24 } from "./variables.ts";

/** The commands that differ from those of 2.3, by name. */
export const userCommands24: Readonly<Record<string, Command>> = {
  user: userCommand({ basicFields: ["uid", "gid", "home"], expand: expandVariables24 }),
  who: { kind: "server", run: listSessions },
  kick: { kind: "server", run: kickSessions },
};

function listSessions(call: CommandCall): Fields {
  if (!call.arguments.has("separate-connections")) return sessionsByUser(call);
  // No session here was passed on from a proxy: the last column is empty.
  return separateSessions(call).flatMap((row) => [...row, ""]);
}

/** Ends sessions, and returns how many. */
function kickSessions({ system, arguments: arguments_ }: CommandCall): Fields {
  const host = arguments_.text("dest-host");
  if (host !== undefined && parseIpRange(host)?.bits !== 32 && parseIpRange(host)?.bits !== 128) {
    throw usage("dest-host isn't a valid IP address");
  }
  const filter = filterOf(arguments_);
  // The range of all addresses alone is no mask either.
  if (filter.username === undefined && filter.range === undefined && host === undefined) {
    throw usage("user and/or ip[/bits] must be specified.");
  }
  // No session here has fields of a password database, or was passed on to another host.
  const isPossible = host === undefined && !arguments_.has("passdb-field");
  const left = system.sessions.filter((session) => !isPossible || !isMeant(session, filter));
  const kicked = system.sessions.length - left.length;
  system.sessions.splice(0, system.sessions.length, ...left);
  return [String(kicked)];
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
