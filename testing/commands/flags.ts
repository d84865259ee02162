/**
 * The commands that change flags: "flags add", "flags remove" and "flags replace".
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Command, MailCommandCall, Rules } from "./command.ts";
import { Failures } from "./failures.ts";
import { checkKeywords, type GivenFlags, MailboxKeywords, parseFlags } from "../mailboxes/flags.ts";
import { openMailboxes } from "./mail_walk.ts";
import { findMails } from "../search/match.ts";
import { parseSearchQuery, type SearchKey, type SearchQuery } from "../search/query.ts";

/** Computes a mail's flags from its old ones and the given ones. */
type Change = (had: readonly string[], given: readonly string[]) => readonly string[];

/** The commands that change flags, by name. */
export const flagCommands: Readonly<Record<string, Command>> = {
  "flags add": changing((had, given) => [...had, ...given]),
  "flags remove": changing((had, given) => had.filter((flag) => !given.includes(flag))),
  "flags replace": changing((_, given) => given),
};

function changing(change: Change): Command {
  return {
    kind: "mail",
    columns: () => 0,
    check: (arguments_, rules) => void givenIn(arguments_, rules),
    run: (call) => changeFlags(call, change),
  };
}

/** Parses the arguments; throws a `CommandFailure` if they are invalid. */
function givenIn(
  arguments_: GivenOptions,
  { version }: Rules,
): { readonly given: GivenFlags; readonly query: SearchQuery } {
  // If flags are given as options, the first argument belongs to the query.
  const words = [...arguments_.list("query")];
  const first = arguments_.text("flagstr");
  if (first !== undefined) words.unshift(first);
  if (arguments_.has("flag")) words.unshift(arguments_.list("flag").join(" "));
  const [flags, ...query] = words;
  if (query.length === 0) {
    throw new CommandFailure("USAGE", {
      log: 'There are no flags, or there is no search query. Give both, like "\\Seen" "all".',
    });
  }
  return { given: parseFlags(flags), query: parseSearchQuery(query, version) };
}

/**
 * Adds keywords in Dovecot's order: first those in the query, as spelled there, since the search begins
 * before the change.
 */
function asSearched(keywords: readonly string[], query: SearchKey): readonly string[] {
  const given = new Set(keywords.map((keyword) => keyword.toLowerCase()));
  const searched = searchedKeywords(query).filter((keyword) => given.has(keyword.toLowerCase()));
  return [...searched, ...keywords];
}

function searchedKeywords(key: SearchKey): readonly string[] {
  switch (key.type) {
    case "and":
    case "or":
      return key.keys.flatMap(searchedKeywords);
    case "not":
      return searchedKeywords(key.key);
    case "keyword":
      return [key.keyword];
    case "modseq":
      return key.keyword === undefined ? [] : [key.keyword];
    default:
      return [];
  }
}

function* changeFlags(
  { request, user, arguments: arguments_, rules }: MailCommandCall,
  change: Change,
): Iterable<string> {
  const failures = new Failures(request);
  const { given, query } = givenIn(arguments_, rules);
  const { ignoresMissing: ignoreMissing } = rules;
  const options = { failures, verb: "change flags in", ignoreMissing };
  for (const searched of openMailboxes(query, user, options)) {
    const { name, mailbox } = searched;
    failures.attempt(`Can't change flags in mailbox ${name}`, () => {
      checkKeywords(given.keywords);
      const found = [...findMails(query, searched)];
      if (found.length === 0) return;
      const keywords = MailboxKeywords.of(mailbox);
      keywords.learn(asSearched(given.keywords, query.key));
      const flags = keywords.normalize([...given.flags, ...given.keywords]);
      mailbox.setAllFlags(
        new Map(found.map(({ mail }) => {
          return [mail, new Set(keywords.normalize(change(keywords.normalize(mail.flags), flags)))];
        })),
        flags,
      );
    });
  }
  yield* [];
  failures.finish();
}
