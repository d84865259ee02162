/**
 * Maildir++ quotas: a maildir's file `maildirsize` holds its mails' totals
 * (https://www.courier-mta.org/imap/README.maildirquota.html).
 *
 * @module
 */

import { closeSync, constants, fstatSync, writeSync } from "node:fs";
import type { MaildirRoot } from "./folder.ts";

/** The next reader recreates a file of that size. */
const outgrown = 5120;

/** A change of a maildir's totals, negative for less. */
export interface QuotaChange {
  /** The change in bytes. */
  readonly size: number;
  /** The change in mails. */
  readonly count: number;
}

/**
 * Adds a new or removed mail to a maildir's quota file, if there is one; otherwise the program that keeps
 * the quota doesn't notice it while there is room. Moves between folders change nothing.
 *
 * Rules such as Dovecot's, by which a folder doesn't count, aren't stored in the maildir. Errors from such
 * rules or from the file must not fail the request, and the next recount corrects them: nothing is
 * thrown.
 */
export function tellQuota(maildir: MaildirRoot, { size, count }: QuotaChange): void {
  try {
    const { O_WRONLY, O_APPEND } = constants;
    const descriptor = maildir.use((root) => root.open("maildirsize", O_WRONLY | O_APPEND));
    try {
      const stats = fstatSync(descriptor);
      // In an empty file the line would be read as the first one, which holds the limits.
      if (!stats.isFile() || stats.size === 0 || stats.size >= outgrown) return;
      // In one write, since other programs append as well.
      writeSync(descriptor, `${size} ${count}\n`);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // See above.
  }
}
