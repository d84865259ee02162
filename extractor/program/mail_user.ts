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
 * Refuses what can't be a mail user: that is the name of one folder, and so has no slash; "." is the
 * folder itself. Throws a `LocalProtocolError`.
 */
export function checkMailUser(mailUser: string): void {
  if (mailUser !== "" && mailUser !== ".." && !/[/\0]/.test(mailUser)) return;
  throw new LocalProtocolError(
    `${JSON.stringify(mailUser)} can't be a mail user: it has to be the name of a folder in the ` +
      'maildir\'s, or "." for that itself.',
  );
}

/**
 * Opens the maildir of a mail user: the folder of that name in `folder`, and no symbolic link to
 * another; with the user ".", `folder` itself.
 *
 * Throws an `ExtractorFailure` "storage" where there is none that can be opened, and a
 * `LocalProtocolError` for what can't be a mail user.
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
      ? "there is none"
      : code === "EACCES"
      ? "permission denied"
      : messageOf(cause);
    throw new ExtractorFailure("storage", `Cannot open the maildir ${path}: ${why}.`, { cause });
  }
  if (isFolder) return Maildir.open(path, { followLink: false });
  throw new ExtractorFailure(
    "storage",
    `Cannot open the maildir ${path}: it is no folder. A link isn't followed; name the folder that ` +
      "it leads to.",
  );
}
