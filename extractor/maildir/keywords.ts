/**
 * Dovecot's keywords: labels such as "$Forwarded", for which each folder has its own letters.
 *
 * A folder's file `dovecot-keywords` has a line for each, "0 $Forwarded" for the letter "a", up to 25
 * for "z".
 *
 * @module
 */

import type { Directory } from "./directory.ts";
import { withFile } from "./mail_file.ts";
import { isUnreadable } from "./storage_failure.ts";

/**
 * The name of a mail's file in another folder, with that folder's letters for the mail's keywords. Keywords
 * without a letter there are removed, since Dovecot would read them as others, or as "unknown-0"; only
 * Dovecot assigns new letters. If the mail's old folder has no such file, the letters' meaning is unknown,
 * and they stay.
 */
export function withKeywordsOf(fileName: string, from: Directory, to: Directory): string {
  const colon = fileName.lastIndexOf(":");
  const [flags] = colon < 0 ? [""] : fileName.slice(colon + 3).split(",", 1);
  if (!fileName.startsWith("2,", colon + 1) || !/[a-z]/.test(flags)) return fileName;
  const theirs = readKeywords(from);
  if (theirs === undefined) return fileName;
  const ours = readKeywords(to) ?? [];
  const letters = new Map([...ours].map(([letter, keyword]) => [keyword, letter]));
  const kept = [...flags].flatMap((flag) => {
    if (flag < "a" || flag > "z") return flag;
    return letters.get(theirs.get(flag) ?? "") ?? [];
  });
  const rest = fileName.slice(colon + 3 + flags.length);
  return fileName.slice(0, colon + 3) + kept.sort().join("") + rest;
}

/** How much of such a file is read: only 26 keywords have letters. */
const most = { offset: 0, length: 65_536 };

/** A folder's keywords by their letters; `undefined` if the file is missing or unreadable. */
function readKeywords(folder: Directory): Map<string, string> | undefined {
  let file: Uint8Array | undefined;
  try {
    file = withFile(folder, "dovecot-keywords", (opened) => opened.read(most));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  if (file === undefined) return undefined;
  const keywords = new Map<string, string>();
  for (const line of new TextDecoder().decode(file).split("\n")) {
    const [, number, keyword] = /^(\d{1,2}) (.+)$/.exec(line) ?? [];
    // Keywords are case-insensitive.
    if (Number(number) < 26) {
      keywords.set(String.fromCharCode(97 + Number(number)), keyword.toLowerCase());
    }
  }
  return keywords;
}
