/**
 * Which connection a command needs, by its version, parameters and arguments.
 *
 * Source: Dovecot's src/doveadm/doveadm-print-server.c and src/doveadm/doveadm-mail.c, and tests of servers
 * of 2.3 and 2.4.
 *
 * @module
 */

import type { CommandInfo, DovecotVersion } from "./command_info.ts";
import { findCommand } from "./lookup.ts";
import { decodeArguments } from "./options.ts";

/**
 * What a connection is used for, and so which commands it can take next.
 *
 * - "mail": commands that act on users' mail. They can share a connection; afterwards a server's process
 *   keeps the mail user's rights (2.3), so that a later `who` aborts and a later `user *` finds nobody.
 * - "plain": commands that don't act on mail and are right on a used connection, such as `who` and `user`.
 *   They can share one on which no mail command ran.
 * - "fresh": everything else. From the second command of a connection on, a server sends the rows of such
 *   commands after their reply; on 2.3 some of them don't even survive a mail command.
 */
export type ConnectionKind = "mail" | "plain" | "fresh";

/** All kinds of connections. */
export const connectionKinds: readonly ConnectionKind[] = ["mail", "plain", "fresh"];

/** The kind for a command with these parameters, by their names; "fresh" for what isn't known. */
export function connectionKind(
  { alone, plain }: CommandInfo,
  given: readonly string[],
  version: DovecotVersion,
): ConnectionKind {
  if (!alone) return "mail";
  const tried = plain?.[version];
  return tried !== undefined && given.every((name) => tried.includes(name)) ? "plain" : "fresh";
}

/**
 * The kind for a command with these arguments; "fresh" for a command that the catalogue lacks, and for
 * arguments that doveadm would refuse.
 */
export function connectionKindOf(
  name: string,
  args: readonly string[],
  version: DovecotVersion,
): ConnectionKind {
  const info = findCommand(name);
  if (info === undefined) return "fresh";
  if (!info.alone || info.plain?.[version] === undefined || args.length === 0) {
    return connectionKind(info, [], version);
  }
  try {
    return connectionKind(info, Object.keys(decodeArguments(info, args, version)), version);
  } catch {
    return "fresh";
  }
}
