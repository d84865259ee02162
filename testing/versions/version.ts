/**
 * What differs between the versions that the embedded server can answer as.
 *
 * @module
 */

import type { DovecotVersion, GivenOptions, Option } from "../../core/doveadm/catalogue/mod.ts";
import type { Command, CommandCall, Rules } from "../commands/command.ts";
import type { MailUser } from "../mail_user.ts";
import { version23 } from "./version_2_3.ts";
import { version24 } from "./version_2_4.ts";

/** A version of Dovecot as the embedded server plays it. */
export interface ServerVersion {
  /** The minor version of its protocol, from which clients conclude the server's version. */
  readonly minor: number;
  /** The commands by name. */
  readonly commands: Readonly<Record<string, Command>>;
  /** What differs in several commands. */
  readonly rules: Rules;
  /** Whether it can refer clients to the server that has a user. */
  readonly hasReferrals: boolean;
  /** Parses the words after a command's name; throws a `LocalProtocolError` for invalid ones. */
  parseArguments(args: readonly string[], options: readonly Option[]): GivenOptions;
  /** The users that a command on mail acts on. */
  selectUsers(call: CommandCall): Selection;
}

/** The users that a command on mail acts on. */
export interface Selection {
  /** Those of the server, or the one that the request names, which may not exist. */
  readonly users: readonly SelectedUser[];
  /** Whether the user's name comes before each row. */
  readonly hasColumn: boolean;
  /** Whether a failure for one user lets the command go on with the next. */
  readonly areAll: boolean;
}

/** A user that a command acts on. */
export interface SelectedUser {
  /** The name as it is shown. */
  readonly name: string;
  /** The user; `undefined` if there is none of that name. */
  readonly user: MailUser | undefined;
}

/** The versions by name. */
export const serverVersions: Readonly<Record<DovecotVersion, ServerVersion>> = {
  "2.3": version23,
  "2.4": version24,
};
