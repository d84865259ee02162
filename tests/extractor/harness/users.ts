/**
 * Users of the system for tests: created when a test begins, removed when it ends.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

/** A user of the system that {@linkcode withUsers} made. */
export interface TestUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Test options: skips a test that needs root if the process isn't root. */
export const unlessRoot: { readonly skip: string | false } = {
  skip: process.geteuid?.() === 0 ? false : "needs root, to make users and to become them",
};

/**
 * Creates users, calls a function, and removes the users.
 *
 * Their names contain the process's id, so that tests in other processes use other names, and the next
 * process can find and remove users of a process that was killed.
 */
export async function withUsers(
  count: number,
  act: (...users: TestUser[]) => Promise<void>,
): Promise<void> {
  await removeUsersOfTheDead();
  const names = Array.from({ length: count }, (_, index) => `dwx${process.pid}x${index}`);
  try {
    for (const name of names) {
      // A process that was killed may have had this one's id.
      await removeUser(name);
      const options = ["--system", "--user-group", "--no-create-home", "--shell", "/bin/false"];
      await run("useradd", [...options, "--home-dir", "/nonexistent", name]);
    }
    const users = accounts();
    await act(...names.map((name) => users.find((user) => user.name === name)!));
  } finally {
    for (const name of names) await removeUser(name);
  }
}

async function removeUsersOfTheDead(): Promise<void> {
  for (const { name } of accounts()) {
    const [, pid] = /^dwx(\d+)x\d+$/.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) await removeUser(name);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function removeUser(name: string): Promise<void> {
  if (accounts().some((user) => user.name === name)) await run("userdel", ["--force", name]);
}

function accounts(): TestUser[] {
  return readFileSync("/etc/passwd", "utf8").trimEnd().split("\n").map((line) => {
    const [name, , uid, gid] = line.split(":");
    return { name, uid: Number(uid), gid: Number(gid) };
  });
}

/** Runs a program that changes accounts; retries while another one has them locked. */
async function run(program: string, args: readonly string[]): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const problem = await new Promise<string | undefined>((resolve) => {
      const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
      execFile(program, args, { env }, (error, _output, errors) => {
        resolve(error === null ? undefined : `${error.message}\n${errors}`);
      });
    });
    if (problem === undefined) return;
    // Another process has removed it, because it took this one for dead.
    if (program === "userdel" && /does not exist/.test(problem)) return;
    if (!/cannot (?:lock|open)|try again/.test(problem) || attempt === 600) {
      throw new Error(problem);
    }
    await sleep(100);
  }
}
