/**
 * Folders' names from the names of their directories: Maildir++, with names in modified UTF-7 or in
 * UTF-8.
 *
 * @module
 */

import { decodeMutf7, encodeMutf7 } from "@dovewire/dovewire/core/imap";

/** Whether a name is the inbox's: "", or "INBOX" in any case as in IMAP. */
export function isInbox(name: string): boolean {
  return name === "" || /^inbox$/i.test(name);
}

/**
 * The folders' names by those of their directories, such as "Entwürfe.2024" for ".Entw&APw-rfe.2024",
 * in order, a folder before those within it.
 *
 * A name that isn't modified UTF-7 as Dovecot writes it is used as it is, such as one that Dovecot writes
 * with `:UTF-8` or `mailbox_list_utf8`. So is a name that would equal another folder's, and one with
 * control characters or lone surrogates. Left out are directories without a leading dot, those with an
 * empty level such as "..", and ".INBOX", whose name is the inbox's.
 */
export function folderNames(directories: Iterable<string>): Map<string, string> {
  const names = new Map<string, string>();
  for (const directory of directories) {
    const encoded = directory.slice(1);
    if (!directory.startsWith(".") || isInbox(encoded)) continue;
    if (!encoded.split(".").includes("")) names.set(directory, decoded(encoded));
  }
  keepApart(names);
  return new Map([...names].sort(([, one], [, other]) => compareLevels(one, other)));
}

function decoded(encoded: string): string {
  const name = decodeMutf7(encoded);
  // A needlessly encoded character could be a hidden dot or slash.
  const isRight = name !== undefined && encodeMutf7(name) === encoded;
  return isRight && !isInbox(name) && isText(name) ? name : encoded;
}

function isText(name: string): boolean {
  return !/\p{Cc}|\p{Cs}/u.test(name);
}

/** Renames folders that share a name to their directories' names, until none do. */
function keepApart(names: Map<string, string>): void {
  for (;;) {
    const seen = new Map<string, string>();
    const alike = new Set<string>();
    for (const [directory, name] of names) {
      const other = seen.get(name);
      if (other !== undefined) alike.add(directory).add(other);
      seen.set(name, directory);
    }
    if (alike.size === 0) return;
    for (const directory of alike) names.set(directory, directory.slice(1));
  }
}

function compareLevels(one: string, other: string): number {
  const [first, second] = [one.replaceAll(".", "\0"), other.replaceAll(".", "\0")];
  return first < second ? -1 : first > second ? 1 : 0;
}
