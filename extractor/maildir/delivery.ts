/**
 * Adds mails to folders and moves them, so that other programs never see half of one.
 *
 * @module
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { pid } from "node:process";
import { ExtractorFailure } from "../messages/failure.ts";
import type { Directory } from "./directory.ts";
import { uniqueName } from "./file_name.ts";
import type { Folder } from "./folder.ts";
import { fileIdentity, type MailFile } from "./mail_file.ts";
import { errorCode, folderTitle, isMissing, storageFailure } from "./storage_failure.ts";

/** A mail to add. */
export interface NewMail {
  /** The mail, byte for byte. */
  readonly data: Uint8Array;
  /** Whether it is marked as read. */
  readonly seen: boolean;
  /** The time of delivery; now if not set. */
  readonly received: Date | undefined;
}

/**
 * Writes a mail to the folder's `tmp` and renames it from there to `new`, or to `cur` if it is read
 * (https://cr.yp.to/proto/maildir.html). When it returns, the mail and its name are on the disk. If it
 * throws, an `ExtractorFailure`, it leaves no file.
 */
export function deliver(folder: Folder, mail: NewMail): MailFile {
  try {
    return folder.useDirectory((directory) => {
      if (directory === undefined) throw Object.assign(new Error("no folder"), { code: "ENOENT" });
      const { mode } = directory.at("cur", (path) => lstatSync(path));
      return withDirectory(directory, "tmp", mode, (tmp) => {
        return withDirectory(directory, mail.seen ? "cur" : "new", mode, (target) => {
          return write(folder, mail, { tmp, target, mode });
        });
      });
    });
  } catch (error) {
    if (error instanceof ExtractorFailure) throw error;
    throw storageFailure(`put a mail into ${folderTitle(folder.name)}`, error);
  }
}

/** Writes a mail's file and gives it its name. */
function write(
  folder: Folder,
  { data, seen, received }: NewMail,
  { tmp, target, mode }: { readonly tmp: Directory; readonly target: Directory; mode: number },
): MailFile {
  const mid = `${newUniqueName()},S=${data.length}`;
  const name = seen ? `${mid}:2,S` : mid;
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  // The folder's group gets the same permission for the mail as for the folder, within the umask.
  const descriptor = tmp.open(mid, O_WRONLY | O_CREAT | O_EXCL, mode & 0o660 | 0o600);
  try {
    const modified = fill(descriptor, data, received);
    if (!renameMail({ directory: tmp, name: mid }, { directory: target, name })) {
      throw vanished(folder);
    }
    keepName(target);
    const path = `${folder.path}/${seen ? "cur" : "new"}/${name}`;
    return { mid, folder: folder.name, size: data.length, seen, received: modified, path };
  } catch (error) {
    forgetDraft(tmp, mid);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Another program removed the mail's file from `tmp`, where files must stay for 36 hours. */
function vanished({ name }: Folder): ExtractorFailure {
  const what = `put a mail into ${folderTitle(name)}`;
  return new ExtractorFailure(
    "storage",
    `Cannot ${what}: another program removed it from "tmp". Try again.`,
  );
}

/** Removes the unfinished file; an error here must not replace the first failure. */
function forgetDraft(tmp: Directory, name: string): void {
  try {
    tmp.at(name, unlinkSync);
  } catch {
    // Other programs clean up `tmp`.
  }
}

/** Syncs a directory's names to the disk, where the file system needs it. */
function keepName(directory: Directory): void {
  try {
    directory.sync();
  } catch {
    // The mail is there nevertheless: after a failure, the caller would add it again.
  }
}

/**
 * Calls a function with a directory of a folder, and creates the directory if it is missing: some
 * programs copy folders without empty directories.
 */
function withDirectory<Result>(
  folder: Directory,
  name: string,
  mode: number,
  act: (directory: Directory) => Result,
): Result {
  if (!folder.has(name)) makeDirectory(folder, name, mode);
  const directory = folder.directory(name);
  // A link, which may lead out of the maildir, or no directory.
  if (directory === undefined) {
    throw Object.assign(new Error("no directory"), { code: "ENOTDIR" });
  }
  try {
    return act(directory);
  } finally {
    directory.close();
  }
}

function makeDirectory(folder: Directory, name: string, mode: number): void {
  try {
    folder.at(name, (path) => mkdirSync(path, { mode: mode & 0o777 }));
  } catch (error) {
    // Another program has just created it.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** Writes the mail to the disk; returns the time of delivery as the file system stores it. */
function fill(descriptor: number, data: Uint8Array, received: Date | undefined): Date {
  for (let at = 0; at < data.length;) at += writeSync(descriptor, data, at, data.length - at);
  if (received !== undefined) {
    const time = received.getTime();
    // One runtime doesn't accept fractions of a second before 1970.
    const date = new Date(time < 0 ? Math.floor(time / 1000) * 1000 : time);
    futimesSync(descriptor, date, date);
  }
  fsyncSync(descriptor);
  return new Date(fstatSync(descriptor).mtimeMs);
}

/** The number of mails that this process has named. */
let named = 0;

/**
 * A unique name: time, random number, process, count of mails this process has named, and host. Containers
 * may share process and host names.
 */
function newUniqueName(): string {
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  const host = hostname().replaceAll("/", "\\057").replaceAll(":", "\\072") || "localhost";
  const chance = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  return `${seconds}.R${chance}M${(now % 1000) * 1000}P${pid}Q${++named}.${host}`;
}

/** A name in a directory. */
export interface FilePlace {
  /** The directory. */
  readonly directory: Directory;
  /** The name. */
  readonly name: string;
}

/**
 * Renames a mail's file; `false` if it is gone. Never overwrites a file that has the name: that is a
 * failure, unless it is the same file, which then keeps both names.
 */
export function renameMail(from: FilePlace, to: FilePlace): boolean {
  const what = `rename the mail ${JSON.stringify(uniqueName(from.name))}`;
  const there = fileIdentity(to.directory, to.name);
  const here = fileIdentity(from.directory, from.name);
  if (here === undefined) return false;
  if (there !== undefined && there !== here) {
    throw new ExtractorFailure("storage", `Cannot ${what}: there is another mail of that name.`);
  }
  try {
    // Renaming a file to itself does nothing. Removing one of the names would lose the mail if another
    // program has just moved it from one name to the other.
    if (there !== here) {
      from.directory.at(from.name, (source) => {
        to.directory.at(to.name, (target) => renameSync(source, target));
      });
    }
    return true;
  } catch (error) {
    // The folder exists, so the file was missing, even if it is back by now.
    if (isMissing(error) && hasName(to.directory)) return false;
    throw storageFailure(what, error);
  }
}

/** Whether an open directory is still in its parent; `false` if it was removed. */
function hasName(directory: Directory): boolean {
  try {
    return directory.at(".", (path) => lstatSync(path).nlink > 0);
  } catch {
    return false;
  }
}

/** Removes a mail's file; `false` if it is gone. */
export function removeMail({ directory, name }: FilePlace): boolean {
  try {
    directory.at(name, unlinkSync);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw storageFailure(`remove the mail ${JSON.stringify(uniqueName(name))}`, error);
  }
}
