/**
 * Queries for the mail of one mailbox, whatever its name is.
 *
 * @module
 */

import type { DoveadmClient, RunOptions } from "../../mod.ts";

/** A mailbox of a user. */
export interface UserMailbox {
  readonly user: string;
  readonly mailbox: string;
}

/**
 * The query for all mail of a mailbox. In a query, "*" and "%" in a name stand for any letters, so that "100%" would
 * be "100x" as well; a mailbox with such a name is found by its GUID. Rejects if it is gone.
 */
export async function allMailOf(
  doveadm: DoveadmClient,
  { user, mailbox }: UserMailbox,
  options: RunOptions,
): Promise<readonly string[]> {
  if (!/[*%]/.test(mailbox)) return ["mailbox", mailbox, "all"];
  const field = ["guid"] as const;
  const rows = await doveadm.run(
    "mailbox status",
    { user, field, mailboxMask: [mailbox] },
    options,
  );
  const row = rows.find((row) => row.mailbox === mailbox);
  if (row === undefined) throw new Error(`${user} has no mailbox ${mailbox} any more.`);
  return ["mailbox-guid", row.guid, "all"];
}
