/**
 * The commands on users and their logins: "user", "who", "kick", and "reload".
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Command, CommandCall, Fields } from "./command.ts";
import { type IpRange, isInRange, parseIpRange } from "./ip_range.ts";
import type { Session } from "../mail_system.ts";
import { fitsWildcards } from "../mailboxes/wildcards.ts";
import { expandVariables, userCommand } from "./user.ts";

/** The commands on users and their logins, by name. */
export const userCommands: Readonly<Record<string, Command>> = {
  user: userCommand({
    basicFields: ["uid", "gid", "home", "mail"],
    expand: expandVariables,
  }),
  who: {
    kind: "server",
    run: listSessions,
  },
  kick: {
    kind: "server",
    run: kickSessions,
  },
  // It has no arguments in Dovecot either, and the embedded server has no configuration to reload.
  reload: { kind: "server", run: () => [] },
};

/** Selects sessions. */
export interface SessionFilter {
  readonly username: string | undefined;
  readonly range: IpRange | undefined;
}

/** The arguments of "who" and "kick"; throws a `CommandFailure` for two masks of a kind. */
export function filterOf(arguments_: GivenOptions): SessionFilter {
  let username: string | undefined;
  let range: IpRange | undefined;
  for (const mask of arguments_.list("mask")) {
    const found = /^\d*$/.test(mask) ? undefined : parseIpRange(mask);
    if (found === undefined) {
      if (username !== undefined) throw usage("Multiple username masks not supported");
      username = mask;
    } else {
      if (range !== undefined) throw usage("Multiple network masks not supported");
      // The range of all addresses matches all sessions, also those without an address.
      range = found.bits === 0 ? undefined : found;
    }
  }
  return { username, range };
}

/** Whether a filter selects a session. */
export function isMeant({ username, ip }: Session, filter: SessionFilter): boolean {
  if (filter.username !== undefined && !fitsWildcards(filter.username, username)) return false;
  return filter.range === undefined || (ip !== undefined && isInRange(ip, filter.range));
}

function listSessions(call: CommandCall): Fields {
  return call.arguments.has("separate-connections")
    ? separateSessions(call).flatMap((row) => row)
    : sessionsByUser(call);
}

/** The selected sessions, a row for each. */
export function separateSessions(
  { system, arguments: arguments_ }: CommandCall,
): readonly (readonly string[])[] {
  const filter = filterOf(arguments_);
  return system.sessions.filter((session) => isMeant(session, filter))
    .map(({ username, service, pid, ip = "" }) => [username, service, String(pid), ip]);
}

/** The selected sessions, a row for each user and service. */
export function sessionsByUser({ system, arguments: arguments_ }: CommandCall): Fields {
  const filter = filterOf(arguments_);
  // A user's sessions are shown together, also those that the masks don't match.
  const groups = new Map<string, Session[]>();
  for (const session of system.sessions) {
    const key = `${session.service}/${session.username}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [session]);
    else group.push(session);
  }
  return [...groups.values()]
    .filter((sessions) => sessions.some((session) => isMeant(session, filter)))
    .flatMap((sessions) => {
      const [{ username, service }] = sessions;
      const pids = sessions.map(({ pid }) => String(pid));
      const ips = sessions.flatMap(({ ip }) => ip === undefined ? [] : [ip]);
      return [username, String(sessions.length), service, inParentheses(pids), inParentheses(ips)];
    });
}

function inParentheses(texts: readonly string[]): string {
  return `(${[...new Set(texts)].join(" ")})`;
}

/** Ends the processes that serve the sessions, and with them all other sessions of these processes. */
function kickSessions({ system, arguments: arguments_ }: CommandCall): Fields {
  if (!arguments_.has("mask")) throw usage("user and/or ip[/bits] must be specified.");
  const filter = filterOf(arguments_);
  const meant = system.sessions.filter((session) => isMeant(session, filter));
  const pids = new Set(meant.map(({ pid }) => pid));
  const kicked = system.sessions.filter(({ pid }) => pids.has(pid));
  if (kicked.length === 0) {
    throw new CommandFailure("NOTFOUND", { log: "No session matches; none was kicked" });
  }
  const left = system.sessions.filter(({ pid }) => !pids.has(pid));
  system.sessions.splice(0, system.sessions.length, ...left);
  return [...new Set(kicked.map(({ username }) => username))].sort();
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
