/**
 * Changes a root process into one of another user, permanently.
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
 * Becomes a user permanently: from here on the process has that user's id, the id of that user's first
 * group, and no other group; only that user can read the files that it creates (umask 077); its folder is
 * "/", and its environment has only PATH, HOME, USER and LOGNAME. Inherited files and folders are closed,
 * except the standard file descriptors.
 *
 * Afterwards it reads the ids back from the system, for all threads if the system has /proc, and checks
 * that the process can't become root again.
 *
 * A process that isn't root must belong to the user already, with no groups but that user's, which it
 * keeps: without root's rights it can't drop them.
 *
 * Throws a {@linkcode PrivilegesError} if any of this fails. The process may still have some or all of
 * root's rights then: it has to end.
 *
 * Deno keeps its caches open, which belong to root if root started it, and are writable. If even that is
 * too much, use Node or Bun.
 *
 * On Deno this needs --allow-all: to call the C library's `setgroups`, since Deno has none, and to read
 * /proc.
 */
export function dropPrivileges(name: string, files: AccountFiles = {}): SystemUser {
  const user = findSystemUser(name, files);
  if (process.geteuid === undefined) {
    throw new PrivilegesError("This system has no user ids. Run the extractor on another.");
  }
  // First, so that no library of the starting user's folder is loaded.
  attempt("change its folder to /", () => process.chdir("/"));
  if (process.geteuid() === 0) {
    attempt("close inherited files", closeInheritedFiles);
    // In this order: only root can change groups.
    attempt("drop its groups", clearGroups);
    attempt(`change its group to ${user.gid}`, () => process.setgid!(user.gid));
    attempt(`change its user to ${user.uid}`, () => process.setuid!(user.uid));
    attempt("read its own rights", () => check(user, [user.gid]));
  } else {
    const groups = user.groups.filter((group) => group !== 0);
    attempt("read its own rights", () => check(user, groups));
  }
  attempt("clear its environment", () => settle(user));
  return user;
}

/** Runs a step; its error becomes a {@linkcode PrivilegesError} that names it. */
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

/** Replaces the environment, and sets the umask. */
function settle(user: SystemUser): void {
  process.umask(0o077);
  for (const key of Object.keys(process.env)) delete process.env[key];
  const { name, home } = user;
  Object.assign(process.env, { PATH: "/usr/bin:/bin", HOME: home, USER: name, LOGNAME: name });
}

/** The functions of the C library that are called. */
const functionsOfC = {
  setgroups: { parameters: ["usize", "pointer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** The part of Deno that calls functions of the C library. */
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

/** The C library's names: of glibc, musl, FreeBSD and macOS. */
const librariesOfC = ["libc.so.6", "libc.so", "libc.so.7", "libSystem.dylib"];

/** Deno, on which the C library is called. */
function foreignFunctions(): ForeignFunctions | undefined {
  return (globalThis as unknown as { Deno?: ForeignFunctions }).Deno;
}

function closeInheritedFiles(): void {
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
    "The process can't drop its groups: Deno has no setgroups, and the C library's can't be " +
      `called (${failures[0]}). Start Deno with --allow-all, or use Node.`,
  );
}

/**
 * Reads the process's ids back and tries to become root again.
 *
 * Throws a {@linkcode PrivilegesError} if it has other ids, has a group that isn't among these, or could
 * become root.
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
        `The process could become root again by ${become}. Start it as root in all respects, ` +
          "or as the user itself.",
      );
    }
  }
}

function checkGroups(found: readonly number[], allowed: readonly number[]): void {
  const other = found.find((group) => !allowed.includes(group));
  if (other === undefined) return;
  throw new PrivilegesError(
    `The process is in the group ${other}, which the user isn't in. Start it as root, so that it ` +
      "can drop its groups, or without that group.",
  );
}

/** The /proc status of each of the process's threads; nothing if there is no /proc. */
function threads(): string[] {
  const folder = "/proc/self/task";
  const found: string[] = [];
  for (const thread of namesInProc(folder)) {
    try {
      found.push(readFileSync(`${folder}/${thread}/status`, "utf8"));
    } catch (error) {
      // The thread has ended since.
      const { code } = error as { code?: string };
      if (code !== "ENOENT" && code !== "ESRCH") throw error;
    }
  }
  return found;
}

/** Checks the real, effective, saved and file system ids, the groups and the capabilities. */
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
      `The process still has rights of root (${set}: ${field(set).join("")}). ` +
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
