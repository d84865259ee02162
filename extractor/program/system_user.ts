/**
 * Finds the accounts of a system's users.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { DovewireError, messageOf } from "@dovewire/dovewire/core";

/** The process can't become the user, and must end. */
export class PrivilegesError extends DovewireError {
  /** The class's name. */
  override name = "PrivilegesError";
  /** "privileges". */
  override readonly code: string = "privileges";
}

/** A user of the system other than root. */
export interface SystemUser {
  /** The name of the account; the id as text if there is no account. */
  readonly name: string;
  /** The user's id. */
  readonly uid: number;
  /** The id of the user's first group. */
  readonly gid: number;
  /** The user's home folder; "/" if unknown. */
  readonly home: string;
  /** The ids of all of the user's groups, including the first one. */
  readonly groups: readonly number[];
}

/** The files in which accounts are looked up. */
export interface AccountFiles {
  /** The path of the users' file; "/etc/passwd" if left out. */
  passwd?: string;
  /** The path of the groups' file; "/etc/group" if left out. */
  group?: string;
}

/** An account of the users' file. */
interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** The largest id of a user: the next one, 2^32 - 1, means "unchanged" to the system. */
const largestId = 0xffff_fffe;

/**
 * Finds a user by a name, by an id, or by the ids of a user and a group, as in "1000:1000", which don't have to
 * have an account. If an account's name is a number, it is preferred to an account with that id.
 *
 * Accounts are those of /etc/passwd and /etc/group. An account elsewhere, such as in LDAP, has to be given
 * by two ids: looking it up would mean running other programs as root.
 *
 * Throws a {@linkcode PrivilegesError} for an unknown user, and for root under any name: an account whose
 * user or group id is 0.
 */
export function findSystemUser(user: string, files: AccountFiles = {}): SystemUser {
  const { passwd = "/etc/passwd", group = "/etc/group" } = files;
  const account = accountOf(user, passwd);
  if (account.uid === 0 || account.gid === 0) {
    const what = account.uid === 0 ? "is root" : "has root's group";
    throw new PrivilegesError(
      `The user ${quoted(user)} ${what}, and the extractor doesn't run as root. Name another user.`,
    );
  }
  return { ...account, groups: [...new Set([account.gid, ...groupsOf(account.name, group)])] };
}

function accountOf(user: string, passwd: string): Account {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(user) ?? [];
  if (uid !== undefined) {
    const ids = { uid: Number(uid), gid: Number(gid) };
    if (ids.uid <= largestId && ids.gid <= largestId) return { name: uid, ...ids, home: "/" };
  }
  const accounts = accountsIn(linesOf(passwd));
  const found = accounts.find(({ name }) => name === user) ??
    accounts.find(({ uid }) => /^\d{1,10}$/.test(user) && uid === Number(user));
  if (found !== undefined) return found;
  throw new PrivilegesError(
    `There is no user ${
      quoted(user)
    } in ${passwd}. Name a user of that file, or give the ids of a ` +
      'user who is not in it, as in "1000:1000".',
  );
}

/** Parses accounts; skips incomplete lines and those for other programs. */
function accountsIn(lines: readonly string[]): Account[] {
  const accounts: Account[] = [];
  for (const line of lines) {
    const [name, , uid = "", gid = "", , home = ""] = line.split(":");
    // "+" and "-" are for NIS.
    if (!/^[^+-]/.test(name) || !/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid)) continue;
    if (Number(uid) > largestId || Number(gid) > largestId) continue;
    accounts.push({ name, uid: Number(uid), gid: Number(gid), home: home === "" ? "/" : home });
  }
  return accounts;
}

/** The ids of the groups that list the user as a member. */
function groupsOf(user: string, file: string): number[] {
  const ids: number[] = [];
  for (const line of linesOf(file)) {
    const [, , gid = "", members = ""] = line.split(":");
    if (/^\d{1,10}$/.test(gid) && members.split(",").includes(user)) ids.push(Number(gid));
  }
  return ids;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch (cause) {
    throw new PrivilegesError(`${file} can't be read: ${messageOf(cause)}`, { cause });
  }
}

function quoted(user: string): string {
  return JSON.stringify(user.length > 100 ? `${user.slice(0, 100)}…` : user);
}
