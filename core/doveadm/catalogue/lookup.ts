/**
 * Lookups in the catalogue.
 *
 * @module
 */

import type { CommandInfo, DovecotVersion } from "./command_info.ts";
import { commands } from "./commands.ts";

/** A command's entry by its name, as in "mailbox status"; `undefined` for an unknown one. */
export function findCommand(name: string): CommandInfo | undefined {
  // As a key, a list of one name would count as that name.
  return typeof name === "string" && Object.hasOwn(commands, name)
    ? (commands as Readonly<Record<string, CommandInfo>>)[name]
    : undefined;
}

/** The version of a server with that minor version of the protocol. */
export function versionOf(minor: number): DovecotVersion {
  return minor <= 2 ? "2.3" : "2.4";
}

/** The version of a server, by its list of commands over HTTP (`GET /doveadm/v1`). */
export function versionOfList(
  list: readonly {
    readonly command: string;
    readonly parameters: readonly { readonly name: string }[];
  }[],
): DovecotVersion {
  // New in 2.4 for all commands on mail, which servers of any configuration have.
  return list.some(({ parameters }) => parameters.some(({ name }) => name === "noUserdbLookup"))
    ? "2.4"
    : "2.3";
}
