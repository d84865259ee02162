/**
 * Maildir++ quotas: what a maildir's file `maildirsize` says its mails come to
 * (https://www.courier-mta.org/imap/README.maildirquota.html).
 *
 * @module
 */

import { closeSync, constants, fstatSync, writeSync } from "node:fs";
import type { MaildirRoot } from "./folder.ts";

/** A file of that size is made anew by whoever reads it next. */
const outgrown = 5120;

/** By what a maildir's mails have become more, or less where it is below 0. */
export interface QuotaChange {
  /** In bytes. */
  readonly size: number;
  /** How many mails. */
  readonly count: number;
}

/**
 * Tells a maildir's quota that a mail has come or gone, if there is one; whoever keeps it doesn't learn
 * it otherwise for as long as there is room. Mails that go from folder to folder change nothing.
 *
 * Rules such as Dovecot's, by which a folder doesn't count, are in nobody's maildir. What goes wrong by
 * them or with the file is not the mail's fault, and is put right when whoever keeps it counts anew:
 * nothing is thrown.
 */
export function tellQuota(maildir: MaildirRoot, { size, count }: QuotaChange): void {
  try {
    const { O_WRONLY, O_APPEND } = constants;
    const descriptor = maildir.use((root) => root.open("maildirsize", O_WRONLY | O_APPEND));
    try {
      const stats = fstatSync(descriptor);
      // In an empty one the line would be taken for the first, which says how much there may be.
      if (!stats.isFile() || stats.size === 0 || stats.size >= outgrown) return;
      // In one piece, since others append as well.
      writeSync(descriptor, `${size} ${count}\n`);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // See above.
  }
}
