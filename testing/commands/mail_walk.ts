/**
 * The shared part of the commands about mails: their queries, and the mailboxes that they visit.
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
 * Opens the mailboxes of a query in sequence. One that can't be opened is a failure; `verb` is the action
 * in its message.
 */
export function* openMailboxes(
  query: SearchQuery,
  user: MailUser,
  { failures, verb, ignoreMissing }: {
    readonly failures: Failures;
    readonly verb: string;
    /** Whether a missing mailbox is ignored. */
    readonly ignoreMissing: boolean;
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
 * Throws a `CommandFailure`, "USAGE", for a query that could remove mails by accident: one without a
 * mailbox, or with nothing but the mailbox, in one of its branches.
 */
export function checkIsSafe(query: SearchQuery, command: string): void {
  const danger = dangerOf(query);
  if (danger === undefined) return;
  throw new CommandFailure("USAGE", {
    log: `Nothing was done. The search query of "${command}" is wrong: ${danger}.`,
  });
}

/**
 * A query as Dovecot runs it after its safety check. Mailboxes are removed from a query that no mail can
 * match, so that it visits all of them.
 */
export function simplified(query: SearchQuery): SearchQuery {
  return { ...query, key: simplify(query.key) };
}
