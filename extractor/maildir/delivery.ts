/**
 * Putting mails into folders and from one to another, so that nobody ever sees half of one.
 *
 * @module
 */

import {
  closeSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { pid } from "node:process";
import { ExtractorFailure } from "../messages/failure.ts";
import { uniqueName } from "./file_name.ts";
import type { Folder } from "./folder_scan.ts";
import { fileIdentity, type MailFile } from "./mail_file.ts";
import { errorCode, folderTitle, isMissing, storageFailure } from "./storage_failure.ts";

/** A mail to keep. */
export interface NewMail {
  /** The mail, byte for byte. */
  readonly data: Uint8Array;
  /** Whether it counts as read. */
  readonly seen: boolean;
  /** When it was delivered; now if not set. */
  readonly received: Date | undefined;
}

/**
 * Writes a mail to the folder's `tmp` and renames it from there to `new`, or `cur` if it was read
 * (https://cr.yp.to/proto/maildir.html). It is on the disk then, and so is its name. Throws an
 * `ExtractorFailure`, with nothing left behind.
 */
export function deliver(folder: Folder, { data, seen, received }: NewMail): MailFile {
  const mid = `${newUniqueName()},S=${data.length}`;
  const draft = join(folder.path, "tmp", mid);
  const directory = join(folder.path, seen ? "cur" : "new");
  const path = join(directory, seen ? `${mid}:2,S` : mid);
  try {
    const { mode } = lstatSync(join(folder.path, "cur"));
    makeDirectory(join(folder.path, "tmp"), mode);
    makeDirectory(directory, mode);
    // The folder's group may read mails as it may read the folder, as far as the umask goes along.
    const descriptor = openSync(draft, "wx", mode & 0o660 | 0o600);
    try {
      const modified = write(descriptor, data, received);
      if (!renameMail(draft, path)) throw vanished(folder);
      keepName(directory);
      return { mid, folder: folder.name, size: data.length, seen, received: modified, path };
    } catch (error) {
      forgetDraft(draft);
      throw error;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof ExtractorFailure) throw error;
    throw storageFailure(`put a mail into ${folderTitle(folder.name)}`, error);
  }
}

/** Somebody has removed the mail's file from `tmp`, where others are to touch nothing for 36 hours. */
function vanished({ name }: Folder): ExtractorFailure {
  const what = `put a mail into ${folderTitle(name)}`;
  return new ExtractorFailure(
    "storage",
    `Cannot ${what}: another program removed it from "tmp". Try again.`,
  );
}

/** Removes what was begun; why it came to nothing is to be told, not that this didn't work either. */
function forgetDraft(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Others clean up `tmp`.
  }
}

/** Has the disk keep a directory's names, where the file system needs to be told. */
function keepName(directory: string): void {
  try {
    const descriptor = openSync(directory, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // The mail is there all the same: were it a failure, it would be added once more.
  }
}

/** Makes a directory unless it is there: some programs copy folders without those that are empty. */
function makeDirectory(path: string, mode: number): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  try {
    mkdirSync(path, { mode: mode & 0o777 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    // Another has made it just now, or it is a link, which may lead out of the maildir.
    if (!lstatSync(path).isDirectory()) {
      throw Object.assign(new Error("no directory"), { code: "ENOTDIR" });
    }
  }
}

/** Writes the mail to the disk; gives the time of delivery as the file system has it. */
function write(descriptor: number, data: Uint8Array, received: Date | undefined): Date {
  for (let at = 0; at < data.length;) at += writeSync(descriptor, data, at, data.length - at);
  if (received !== undefined) {
    const time = received.getTime();
    // One runtime doesn't take parts of a second ahead of 1970.
    const date = new Date(time < 0 ? Math.floor(time / 1000) * 1000 : time);
    futimesSync(descriptor, date, date);
  }
  fsyncSync(descriptor);
  return new Date(fstatSync(descriptor).mtimeMs);
}

/** How many mails this process has named. */
let named = 0;

/**
 * A name that no mail had before: time, chance, process, how many this process has named, and host.
 * Containers may have the same processes and hosts.
 */
function newUniqueName(): string {
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  const host = hostname().replaceAll("/", "\\057").replaceAll(":", "\\072") || "localhost";
  const chance = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  return `${seconds}.R${chance}M${(now % 1000) * 1000}P${pid}Q${++named}.${host}`;
}

/**
 * Renames a mail's file; `false` if it isn't there any more. A file that has the name already is not
 * touched: that is a failure, unless it is the same file, which then keeps both names.
 */
export function renameMail(from: string, to: string): boolean {
  const what = `rename the mail ${JSON.stringify(uniqueName(basename(from)))}`;
  const there = fileIdentity(to);
  const here = fileIdentity(from);
  if (here === undefined) return false;
  if (there !== undefined && there !== here) {
    throw new ExtractorFailure("storage", `Cannot ${what}: there is another of that name.`);
  }
  try {
    // To rename a file to itself does nothing. To remove one of the names would lose the mail if
    // somebody moved it from one to the other just now.
    if (there !== here) renameSync(from, to);
    return true;
  } catch (error) {
    if (isMissing(error) && fileIdentity(from) === undefined) return false;
    throw storageFailure(what, error);
  }
}

/** Removes a mail's file; `false` if it isn't there any more. */
export function removeMail(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw storageFailure(`remove the mail ${JSON.stringify(uniqueName(basename(path)))}`, error);
  }
}
