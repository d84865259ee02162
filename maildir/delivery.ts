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
import { folderTitle, isMissing, storageFailure } from "./storage_failure.ts";

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
 * (https://cr.yp.to/proto/maildir.html). It is on the disk then. Throws an `ExtractorFailure`, with
 * nothing left behind.
 */
export function deliver(folder: Folder, { data, seen, received }: NewMail): MailFile {
  const mid = `${newUniqueName()},S=${data.length}`;
  const draft = join(folder.path, "tmp", mid);
  const path = join(folder.path, seen ? join("cur", `${mid}:2,S`) : join("new", mid));
  try {
    const descriptor = openSync(draft, "wx", modeOfFiles(folder));
    try {
      const modified = write(descriptor, data, received);
      renameMail(draft, path);
      return { mid, folder: folder.name, size: data.length, seen, received: modified, path };
    } catch (error) {
      removeMail(draft);
      throw error;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof ExtractorFailure) throw error;
    throw storageFailure(`put a mail into ${folderTitle(folder.name)}`, error);
  }
}

/** The folder's group may read mails as it may read the folder, as far as the umask goes along. */
function modeOfFiles(folder: Folder): number {
  return lstatSync(join(folder.path, "cur")).mode & 0o660 | 0o600;
}

/** Writes the mail to the disk; gives the time of delivery as the file system has it. */
function write(descriptor: number, data: Uint8Array, received: Date | undefined): Date {
  for (let at = 0; at < data.length;) at += writeSync(descriptor, data, at, data.length - at);
  if (received !== undefined) futimesSync(descriptor, received, received);
  fsyncSync(descriptor);
  return new Date(fstatSync(descriptor).mtimeMs);
}

/** How many mails this process has named. */
let named = 0;

/** A name that no mail had before: time, process, how many this process has named, and host. */
function newUniqueName(): string {
  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  const host = hostname().replaceAll("/", "\\057").replaceAll(":", "\\072") || "localhost";
  return `${seconds}.M${(now % 1000) * 1000}P${pid}Q${++named}.${host}`;
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
