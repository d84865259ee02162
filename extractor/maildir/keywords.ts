/**
 * Dovecot's keywords: labels such as "$Forwarded", which each folder has letters of its own for.
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
 * The name that a mail's file has in another folder, with the letters that the folder has for the
 * mail's keywords. Those that it has none for are taken off, since Dovecot would take them for others,
 * or for keywords called "unknown-0" and the like; only Dovecot gives new ones. Where the folder that
 * the mail comes from has no such file, nobody knows what letters mean, and they stay.
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
  const behind = fileName.slice(colon + 3 + flags.length);
  return fileName.slice(0, colon + 3) + kept.sort().join("") + behind;
}

/** How much of such a file is read: it has no more than 26 keywords that matter. */
const most = { offset: 0, length: 65_536 };

/** A folder's keywords by their letters; `undefined` where no file tells, or nobody lets us read it. */
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
    // A keyword means the same in any case.
    if (Number(number) < 26) {
      keywords.set(String.fromCharCode(97 + Number(number)), keyword.toLowerCase());
    }
  }
  return keywords;
}
