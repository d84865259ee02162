/**
 * Which mailboxes the arguments of "mailbox list" and "mailbox status" reach.
 *
 * @module
 */

import type { MailUser } from "../mail_user.ts";
import { fitsMask, isMask } from "./names.ts";

/**
 * The names that masks reach: one without wildcards is a name, be there such a mailbox or not, and one
 * with wildcards is looked up; several, or none, choose among all names, so that one without wildcards
 * is not missed where there is no such mailbox. `names` gives the names that a mask fits, or all. As
 * Dovecot has it in src/doveadm/doveadm-mailbox-list-iter.c.
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
