/**
 * An extractor as a mail server has one: after a password check, with the maildirs of its users.
 *
 * @module
 */

import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { onThisRuntime, pathOf } from "./programs.ts";

/** The paths and names of an installation. */
export interface Installation {
  /** Path of the program that checks the password, and then runs the given one. */
  readonly authuser: string;
  /** Path of the extractor. */
  readonly extractor: string;
  /** Path of the folder with the maildirs. */
  readonly maildir: string;
  /** The user of the system that the maildirs belong to. */
  readonly systemUser: string;
}

/** Installs an extractor in a folder, for users with passwords; each user gets one mail. */
export function installExtractor(
  folder: string,
  passwords: Readonly<Record<string, string>>,
): Installation {
  const file = join(folder, "authuser.passwords");
  const lines = Object.entries(passwords).map((entry) => `${entry.join(":")}\n`);
  writeFileSync(file, lines.join(""), { mode: 0o600 });
  const authuser = [
    "env",
    `AUTHUSER_FILE=${file}`,
    "perl",
    pathOf("tests/extractor/harness/authuser.pl"),
  ];
  const maildir = join(folder, "vhosts");
  for (const user of Object.keys(passwords)) {
    for (const name of ["cur", "new", "tmp"]) {
      mkdirSync(join(maildir, user, name), { recursive: true });
    }
    writeFileSync(join(maildir, user, "new", "1767614400.M1P1.mail"), "Subject: Hi\n\nHello.\n");
  }
  const { uid, gid, username } = userInfo();
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) giveTo(maildir, nobody);
  else giveTo(maildir, { uid, gid });
  return {
    authuser: program(join(folder, "authuser"), authuser),
    extractor: program(
      join(folder, "extractor"),
      onThisRuntime(pathOf("extractor/program/extractor.ts")),
    ),
    maildir,
    systemUser: isRoot ? "nobody" : username,
  };
}

/** A user that every system has. */
const nobody = { uid: 65534, gid: 65534 };

function giveTo(path: string, { uid, gid }: { uid: number; gid: number }): void {
  for (const name of ["", ...readdirSync(path, { recursive: true, encoding: "utf8" })]) {
    chownSync(join(path, name), uid, gid);
  }
}

/** Writes a program that executes another one. */
function program(path: string, command: readonly string[]): string {
  const words = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}
