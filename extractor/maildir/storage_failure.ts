/**
 * Errors of the file system as failures.
 *
 * @module
 */

import { quoteText } from "@dovewire/dovewire/core";
import { ExtractorFailure } from "../messages/failure.ts";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left",
  EDQUOT: "the quota is used up",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "the directory is missing",
  ENOTDIR: "it is not a directory",
  EIO: "the disk could not be read or written",
  EXDEV: "the target is on another file system; mails are moved by renaming their files",
};

/** Converts an error of the file system; `what` is the action that failed: "read the folder Sent". */
export function storageFailure(what: string, error: unknown): ExtractorFailure {
  const code = errorCode(error);
  const reason = code === undefined ? String(error) : reasons[code] ?? code;
  return new ExtractorFailure("storage", `Cannot ${what}: ${reason}.`, { cause: error });
}

/** The code of an error of the file system, such as "ENOENT". */
export function errorCode(error: unknown): string | undefined {
  const isCoded = error instanceof Error && "code" in error && typeof error.code === "string";
  return isCoded ? error.code as string : undefined;
}

/**
 * Whether a failure means that this process can't read or unpack a file.
 */
export function isUnreadable(error: unknown): error is ExtractorFailure {
  const code = error instanceof ExtractorFailure ? errorCode(error.cause) : undefined;
  return code === "EACCES" || code === "EPERM" || code === "EIO" || code === "EDAMAGED";
}

/** Whether a file is missing. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
}

/** The failure for a missing mail. */
export function noMail(mid: string): ExtractorFailure {
  return new ExtractorFailure("not-found", `There is no mail ${quotedName(mid)}.`);
}

/** The failure for a missing folder. */
export function noFolder(name: string): ExtractorFailure {
  const message = name === ""
    ? 'There is no inbox: the maildir\'s "cur" is missing, or "cur" or "new" is no directory.'
    : `There is no folder ${quotedName(name)}.`;
  return new ExtractorFailure("not-found", message);
}

/** The most characters of a name in a message: as many as a file's may have. A client may ask for one of any length. */
const longestName = 255;

/** A name that a client gave, for messages. */
export function quotedName(name: string): string {
  return quoteText(name, longestName);
}

/** A folder's name for messages. */
export function folderTitle(name: string): string {
  return name === "" ? "the inbox" : `the folder ${quotedName(name)}`;
}
