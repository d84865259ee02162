/**
 * Maildirs for tests.
 *
 * @module
 */

import {
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A maildir in a temporary directory, which disposing of it removes. */
export class TemporaryMaildir implements Disposable {
  /** Its path. */
  readonly path: string = mkdtempSync(join(tmpdir(), "dovewire-maildir-"));

  /** Creates a maildir, with folders by the names of their directories. */
  constructor(...folders: string[]) {
    this.makeFolder("");
    for (const folder of folders) this.makeFolder(folder);
  }

  /** Creates a folder by the name of its directory. */
  makeFolder(directory: string): void {
    for (const name of ["new", "cur", "tmp"]) {
      mkdirSync(join(this.path, directory, name), { recursive: true });
    }
  }

  /** Writes a mail by its path in the maildir: "cur/1.host:2,S". */
  write(name: string, text: string, received?: number): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    if (received !== undefined) utimesSync(path, received, received);
    return path;
  }

  /** The sorted names of a directory's files. */
  files(directory: string): string[] {
    return readdirSync(join(this.path, directory)).sort();
  }

  /** Sets a directory's times some seconds back, as programs do that copy it. */
  settle(directory = "", seconds = 10): void {
    const then = Math.floor(Date.now() / 1000) - seconds;
    for (const name of ["new", "cur"]) utimesSync(join(this.path, directory, name), then, then);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Calls a function as if it were some seconds later. */
export function later<Result>(seconds: number, act: () => Result): Result {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  try {
    return act();
  } finally {
    Date.now = now;
  }
}

/** A user that every system has. */
const nobody = 65534;

/**
 * Calls a function as a user that files' modes keep out, until the promise that it may return settles. If
 * the process isn't root, its own user is such a one.
 */
export function asOrdinaryUser<Result>(directory: string, act: () => Result): Result {
  if (process.geteuid?.() !== 0) return act();
  lchownSync(directory, nobody, nobody);
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    lchownSync(join(directory, name), nobody, nobody);
  }
  process.seteuid!(nobody);
  const restore = () => process.seteuid!(0);
  let result: Result | undefined;
  try {
    result = act();
    return result instanceof Promise ? result.finally(restore) as Result : result;
  } finally {
    if (!(result instanceof Promise)) restore();
  }
}
