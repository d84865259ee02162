/**
 * The mailboxes that the arguments of "mailbox list" and "mailbox status" select.
 *
 * @module
 */

import type { MailUser } from "../mail_user.ts";
import { fitsMask, isMask } from "./names.ts";

/**
 * The names that masks select. A single mask without wildcards is a name, whether or not the mailbox
 * exists; a single one with wildcards is looked up. Several masks, or none, select from all names, so
 * that a missing mailbox is no error. `names` returns the names that a mask matches, or all. See Dovecot's
 * src/doveadm/doveadm-mailbox-list-iter.c.
 */
export function reachedNames<T extends { readonly name: string }>(
  masks: readonly string[],
  user: MailUser,
  names: (mask?: string) => Iterable<T>,
): Iterable<T | { readonly name: string; readonly exists?: undefined }> {
  if (masks.length === 1) return isMask(masks[0]) ? names(masks[0]) : [{ name: masks[0] }];
  return [...names()].filter(({ name }) =>
    masks.length === 0 ||
    masks.some((mask) =>
      isMask(mask) ? fitsMask(mask, name, user.separatorOf(name)) : mask === name
    )
  );
}
