/**
 * The commands that find mails: "search", "fetch" and "expunge".
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { ReplyField } from "../../doveadm/server/handler.ts";
import type { Command, MailCommandCall, Rules } from "./command.ts";
import { Failures } from "./failures.ts";
import { type FetchedMail, type FetchField, parseFetchFields } from "./fetch_fields.ts";
import { MailboxKeywords } from "../mailboxes/flags.ts";
import { checkIsSafe, openMailboxes, simplified } from "./mail_walk.ts";
import { findMails } from "../search/match.ts";
import { parseSearchQuery, type SearchQuery } from "../search/query.ts";

/** The commands that find mails, by name. */
export const mailCommands: Readonly<Record<string, Command>> = {
  search: {
    kind: "mail",
    columns: () => 2,
    check: (arguments_, rules) => void queryOf(arguments_, rules),
    run: searchMails,
  },
  fetch: {
    kind: "mail",
    columns: (arguments_, rules) => fetchOf(arguments_, rules).fields.length,
    check: (arguments_, rules) => void fetchOf(arguments_, rules),
    run: fetchMails,
  },
  expunge: {
    kind: "mail",
    columns: () => 0,
    check: (arguments_, rules) => checkIsSafe(queryOf(arguments_, rules), "expunge"),
    run: expungeMails,
  },
};

/** The query of a command with only a query; throws a `CommandFailure` if it is invalid. */
function queryOf(arguments_: GivenOptions, { version }: Rules): SearchQuery {
  const words = arguments_.list("query");
  if (words.length > 0) return parseSearchQuery(words, version);
  throw new CommandFailure("USAGE", { log: 'There is no search query. Give one, like "all".' });
}

/** The arguments of "fetch"; throws a `CommandFailure` if they are invalid. */
function fetchOf(
  arguments_: GivenOptions,
  { version, fetchFields }: Rules,
): { readonly fields: readonly FetchField[]; readonly query: SearchQuery } {
  // If fields are given as options, the first argument belongs to the query.
  const words = [...arguments_.list("query")];
  const first = arguments_.text("fieldstr");
  if (first !== undefined) words.unshift(first);
  if (arguments_.has("field")) words.unshift(arguments_.list("field").join(" "));
  const [fields, ...query] = words;
  if (query.length === 0) {
    throw new CommandFailure("USAGE", {
      log:
        'There are no fields to fetch, or there is no search query. Give both, like "uid" "all".',
    });
  }
  return {
    fields: parseFetchFields(fields, fetchFields),
    query: parseSearchQuery(query, version),
  };
}

function* searchMails(call: MailCommandCall): Iterable<string> {
  const { request, user, arguments: arguments_, rules } = call;
  const failures = new Failures(request);
  const query = queryOf(arguments_, rules);
  const options = { failures, verb: "search", ignoreMissing: rules.ignoresMissing };
  for (const searched of openMailboxes(query, user, options)) {
    for (const { mail } of findMails(query, searched)) {
      yield searched.mailbox.guid;
      yield String(mail.uid);
    }
  }
  failures.finish();
}

function* fetchMails(call: MailCommandCall): Iterable<ReplyField> {
  const { system, request, user, arguments: arguments_, rules } = call;
  const failures = new Failures(request);
  const { fields, query } = fetchOf(arguments_, rules);
  const options = { failures, verb: "fetch from", ignoreMissing: true };
  for (const searched of openMailboxes(query, user, options)) {
    const { name: mailboxName, mailbox } = searched;
    const keywords = MailboxKeywords.of(mailbox);
    for (const { mail, sequence } of findMails(query, searched)) {
      const fetched = { system, user, mailboxName, mailbox, keywords, sequence, mail };
      yield* readRow(fields, fetched, failures);
    }
  }
  failures.finish();
}

/** A mail's values; none if one can't be read, since the row's columns would be ambiguous. */
function readRow(
  fields: readonly FetchField[],
  fetched: FetchedMail,
  failures: Failures,
): readonly ReplyField[] {
  const row: ReplyField[] = [];
  for (const field of fields) {
    const { mail, mailboxName } = fetched;
    const what = `Can't fetch ${field.name} of UID ${mail.uid} in mailbox ${mailboxName}`;
    failures.attempt(what, () => void row.push(field.read(fetched)));
  }
  return row.length === fields.length ? row : [];
}

function* expungeMails(call: MailCommandCall): Iterable<string> {
  const { request, user, arguments: arguments_, rules } = call;
  const failures = new Failures(request);
  const query = simplified(queryOf(arguments_, rules));
  const options = { failures, verb: "expunge from", ignoreMissing: rules.ignoresMissing };
  for (const searched of openMailboxes(query, user, options)) {
    const { name, mailbox } = searched;
    mailbox.expunge(new Set([...findMails(query, searched)].map(({ mail }) => mail)));
    if (!arguments_.has("delete-empty-mailbox") || mailbox.count > 0) continue;
    failures.attempt(`Can't delete mailbox ${name}`, () => {
      user.delete(name);
      user.unsubscribe(name);
    });
  }
  yield* [];
  failures.finish();
}
