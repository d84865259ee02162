/**
 * Finds the maildir of a mail user.
 *
 * @module
 */

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { LocalProtocolError, messageOf } from "@dovewire/dovewire/core";
import { Maildir } from "../maildir/maildir.ts";
import { ExtractorFailure } from "../messages/failure.ts";

/**
 * Refuses an invalid mail user with a `LocalProtocolError`. It has to be the name of one folder, so
 * without a slash; "." is the maildir itself.
 */
export function checkMailUser(mailUser: string): void {
  if (mailUser !== "" && mailUser !== ".." && !/[/\0]/.test(mailUser)) return;
  throw new LocalProtocolError(
    `The mail user ${JSON.stringify(mailUser)} is invalid. Give the name of a folder in the ` +
      'maildir, or "." for the maildir itself.',
  );
}

/**
 * Opens the maildir of a mail user: the folder of that name in `folder`, which must not be a symbolic
 * link; for the user ".", `folder` itself.
 *
 * Throws an `ExtractorFailure` "storage" if it can't be opened, and a `LocalProtocolError` for an invalid
 * mail user.
 */
export function openMaildir(folder: string, mailUser: string): Maildir {
  checkMailUser(mailUser);
  if (mailUser === ".") return Maildir.open(folder);
  const path = join(folder, mailUser);
  let isFolder: boolean;
  try {
    isFolder = lstatSync(path).isDirectory();
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    const why = code === "ENOENT"
      ? "it doesn't exist"
      : code === "EACCES"
      ? "permission denied"
      : messageOf(cause);
    throw new ExtractorFailure("storage", `Cannot open the maildir ${path}: ${why}.`, { cause });
  }
  if (isFolder) return Maildir.open(path, { followLink: false });
  throw new ExtractorFailure(
    "storage",
    `Cannot open the maildir ${path}: it is no folder. Links are not followed: name the folder that ` +
      "the link points to.",
  );
}
