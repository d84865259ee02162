/**
 * Turns a process of root's into one of another user's, for good.
 *
 * @module
 */

import { closeSync, readFileSync } from "node:fs";
import process from "node:process";
import { messageOf } from "@dovewire/dovewire/core";
import { closeInherited } from "./inherited.ts";
import { namesInProc } from "./proc.ts";
import {
  type AccountFiles,
  findSystemUser,
  PrivilegesError,
  type SystemUser,
} from "./system_user.ts";

export { type AccountFiles, PrivilegesError, type SystemUser } from "./system_user.ts";

/**
 * Becomes a user for good: from here on the process has that user's id, the id of that user's first
 * group, and no other group; files that it makes are that user's alone (umask 077); its folder is "/",
 * and of its environment nothing is left but PATH, HOME, USER and LOGNAME. Files and folders that
 * whoever started it had open, and left to it, are closed, but for the standard descriptors.
 *
 * What the system says that the process is, all of its threads where the system tells of them, is read
 * back, and that root's rights can't be had again is tried.
 *
 * A process that isn't root's must be the user's already, with no other groups than that user's; they
 * can't be given up without root's rights, and it keeps them.
 *
 * Throws a {@linkcode PrivilegesError} where anything of this fails. The process may have root's rights
 * then, or some of them: it has to end.
 *
 * Deno keeps its caches open, which are root's where it was started by root, and can be written to. Where
 * even that is too much, use Node or Bun.
 *
 * On Deno this needs --allow-all: Deno has no `setgroups`, so that it is the C library's that is called,
 * and nothing less lets it read what Linux tells of the process.
 */
export function dropPrivileges(name: string, files: AccountFiles = {}): SystemUser {
  const user = findSystemUser(name, files);
  if (process.geteuid === undefined) {
    throw new PrivilegesError("This system has no users to become. Run it on another.");
  }
  // Before a library is looked for, and so that it isn't one of who started this.
  attempt("leave its folder", () => process.chdir("/"));
  if (process.geteuid() === 0) {
    attempt("close what it was left open", closeWhatIsLeft);
    // In this order: who isn't root any more can't change groups.
    attempt("give up its groups", clearGroups);
    attempt(`become one of the group ${user.gid}`, () => process.setgid!(user.gid));
    attempt(`become the user ${user.uid}`, () => process.setuid!(user.uid));
    attempt("look at itself", () => check(user, [user.gid]));
  } else {
    const groups = user.groups.filter((group) => group !== 0);
    attempt("look at itself", () => check(user, groups));
  }
  attempt("leave its environment", () => settle(user));
  return user;
}

/** Does something that may fail. */
function attempt(what: string, act: () => void): void {
  try {
    act();
  } catch (cause) {
    if (cause instanceof PrivilegesError) throw cause;
    throw new PrivilegesError(
      `The process can't ${what}: ${messageOf(cause)}. Start it as root, or as the user itself.`,
      { cause },
    );
  }
}

/** Leaves the environment that the process was started with. */
function settle(user: SystemUser): void {
  process.umask(0o077);
  for (const key of Object.keys(process.env)) delete process.env[key];
  const { name, home } = user;
  Object.assign(process.env, { PATH: "/usr/bin:/bin", HOME: home, USER: name, LOGNAME: name });
}

/** What is called of the C library. */
const functionsOfC = {
  setgroups: { parameters: ["usize", "pointer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** As much of Deno as there is to call functions of the C library. */
interface ForeignFunctions {
  dlopen(
    library: string,
    functions: typeof functionsOfC,
  ): {
    symbols: {
      setgroups(count: bigint, groups: null): number;
      close(descriptor: number): number;
    };
    close(): void;
  };
}

/** What the C library is called: by glibc, by musl, by FreeBSD and by macOS. */
const librariesOfC = ["libc.so.6", "libc.so", "libc.so.7", "libSystem.dylib"];

/** Deno, on which the C library is called. */
function foreignFunctions(): ForeignFunctions | undefined {
  return (globalThis as unknown as { Deno?: ForeignFunctions }).Deno;
}

function closeWhatIsLeft(): void {
  const Deno = foreignFunctions();
  if (Deno === undefined) return closeInherited(closeSync);
  const library = openC(Deno);
  closeInherited((descriptor) => library.symbols.close(descriptor));
  library.close();
}

function clearGroups(): void {
  if (process.setgroups !== undefined) return process.setgroups([]);
  const Deno = foreignFunctions();
  if (Deno === undefined) throw new PrivilegesError("This runtime has no setgroups. Use Node.");
  const library = openC(Deno);
  const result = library.symbols.setgroups(0n, null);
  library.close();
  if (result !== 0) throw new Error("setgroups failed");
}

function openC(deno: ForeignFunctions): ReturnType<ForeignFunctions["dlopen"]> {
  const failures: string[] = [];
  for (const name of librariesOfC) {
    try {
      return deno.dlopen(name, functionsOfC);
    } catch (error) {
      failures.push(`${name}: ${messageOf(error)}`);
    }
  }
  throw new PrivilegesError(
    "The process can't give up its groups: Deno has no setgroups, and the C library's can't be " +
      `called (${failures[0]}). Start Deno with --allow-all, or use Node.`,
  );
}

/**
 * Reads back who the process is and tries to become root again.
 *
 * Throws a {@linkcode PrivilegesError} if it is somebody else, has a group that isn't among these, or
 * has become root.
 */
function check(user: SystemUser, groups: readonly number[]): void {
  const { uid, gid } = user;
  const ids = [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()];
  if (ids.join() !== [uid, uid, gid, gid].join()) {
    throw new PrivilegesError(
      `The process should be of user ${uid} and group ${gid}, and is of users ` +
        `${ids[0]}, ${ids[1]} and groups ${ids[2]}, ${ids[3]}. Start it as root, or as that user.`,
    );
  }
  checkGroups(process.getgroups!(), groups);
  for (const status of threads()) checkThread(status, user, groups);
  for (const become of ["setuid", "seteuid", "setgid", "setegid"] as const) {
    if (succeeds(() => process[become]!(0))) {
      throw new PrivilegesError(
        `The process could become root again by ${become}, which must not be. It has to end.`,
      );
    }
  }
}

function checkGroups(found: readonly number[], allowed: readonly number[]): void {
  const other = found.find((group) => !allowed.includes(group));
  if (other === undefined) return;
  throw new PrivilegesError(
    `The process is in the group ${other}, in which it has no business. Start it as root, so that ` +
      "it can leave its groups, or without that group.",
  );
}

/** What Linux says of each of the process's threads; nothing where there is no /proc. */
function threads(): string[] {
  const folder = "/proc/self/task";
  const found: string[] = [];
  for (const thread of namesInProc(folder)) {
    try {
      found.push(readFileSync(`${folder}/${thread}/status`, "utf8"));
    } catch (error) {
      // One that has ended since.
      const { code } = error as { code?: string };
      if (code !== "ENOENT" && code !== "ESRCH") throw error;
    }
  }
  return found;
}

/** Looks at the real, effective, saved and file system's ids, the groups and the capabilities. */
function checkThread(status: string, user: SystemUser, groups: readonly number[]): void {
  const field = (name: string): string[] => {
    const line = new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1].trim() ?? "";
    return line === "" ? [] : line.split(/\s+/);
  };
  const users = field("Uid");
  const firstGroups = field("Gid");
  const isUser = users.length === 4 && users.every((id) => Number(id) === user.uid);
  const isGroup = firstGroups.length === 4 && firstGroups.every((id) => Number(id) === user.gid);
  if (!isUser || !isGroup) {
    throw new PrivilegesError(
      `A thread of the process has the user ids ${users.join(", ")} and the group ids ` +
        `${firstGroups.join(", ")}, where all should be ${user.uid} and ${user.gid}. Start it as ` +
        "root, or as that user from the beginning.",
    );
  }
  checkGroups(field("Groups").map(Number), groups);
  for (const set of ["CapPrm", "CapEff", "CapAmb"]) {
    if (/^0*$/.test(field(set).join(""))) continue;
    throw new PrivilegesError(
      `The process has kept rights of root's (${set}: ${
        field(set).join("")
      }), which must not be. ` +
        "Start it without those capabilities.",
    );
  }
}

function succeeds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
