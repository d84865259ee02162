/**
 * What the commands about mails share: their queries, and the mailboxes that they visit.
 *
 * @module
 */

import { dangerOf } from "../../core/doveadm/query/safe_query.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Failures } from "./failures.ts";
import type { MailUser } from "../mail_user.ts";
import { mailboxesOf, type SearchedMailbox } from "../search/match.ts";
import type { SearchQuery } from "../search/query.ts";
import { simplify } from "../search/simplify.ts";
import type { EarlierMailboxes } from "../search/sequence_set.ts";

/**
 * Opens the mailboxes that a query is about, one after the other. One that can't be opened is a
 * failure, named as what `verb` says can't be done there.
 */
export function* openMailboxes(
  query: SearchQuery,
  user: MailUser,
  { failures, verb, ignoreMissing = false }: {
    readonly failures: Failures;
    readonly verb: string;
    /** Whether nothing is said of a mailbox that doesn't exist. */
    readonly ignoreMissing?: boolean;
  },
): Iterable<SearchedMailbox> {
  const now = new Date();
  let earlier: EarlierMailboxes | undefined;
  for (const name of mailboxesOf(query, user)) {
    const opened: SearchedMailbox[] = [];
    failures.attempt(`Can't ${verb} mailbox ${name}`, () => {
      try {
        const mailbox = user.open(name);
        opened.push({ name, separator: user.separatorOf(name), mailbox, now, earlier });
      } catch (error) {
        const isMissing = error instanceof CommandFailure && error.code === "NOTFOUND";
        if (!isMissing || !ignoreMissing) throw error;
      }
    });
    for (const searched of opened) {
      const { count } = searched.mailbox;
      yield searched;
      if (count === 0) continue;
      earlier = {
        first: earlier?.first ?? count,
        smallest: Math.min(count, earlier?.smallest ?? count),
      };
    }
  }
}

/**
 * Throws a `CommandFailure`, "USAGE", for a query that takes mails out of mailboxes by accident: one
 * that leaves out the mailbox, or is about nothing but the mailbox, in one of its branches.
 */
export function checkIsSafe(query: SearchQuery, command: string): void {
  const danger = dangerOf(query);
  if (danger === undefined) return;
  throw new CommandFailure("USAGE", {
    log: `Nothing was done. The search query of "${command}" is wrong: ${danger}.`,
  });
}

/**
 * A query as Dovecot has it when it has seen that it is safe. Mailboxes are left out of one that no
 * mail can fit, so that it goes through all of them.
 */
export function simplified(query: SearchQuery): SearchQuery {
  return { ...query, key: simplify(query.key) };
}
