/**
 * The command "mailbox status".
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Command, MailCommandCall, Rules } from "./command.ts";
import { Failures } from "./failures.ts";
import { type Mailbox, virtualSize } from "../mailbox.ts";
import { canonicalName } from "../mailboxes/names.ts";
import { reachedNames } from "../mailboxes/reached_names.ts";

/** The fields of a mailbox's status, in the order of the reply, not of the request. */
const statusFields: Readonly<Record<string, (mailbox: Mailbox) => number | string>> = {
  messages: ({ count }) => count,
  recent: ({ mails, firstRecentUid }) => mails.filter(({ uid }) => uid >= firstRecentUid).length,
  uidnext: ({ uidNext }) => uidNext,
  uidvalidity: ({ uidValidity }) => uidValidity,
  unseen: ({ mails }) => mails.filter(({ flags }) => !flags.has("\\Seen")).length,
  highestmodseq: ({ highestModseq }) => highestModseq,
  vsize: ({ mails }) => mails.reduce((size, { bytes }) => size + virtualSize(bytes), 0),
  guid: ({ guid }) => guid,
  firstsaved: ({ mails }) =>
    mails.length === 0 ? "never" : Math.floor(mails[0].saved.getTime() / 1000),
};

/** The fields that can be summed over several mailboxes. */
const totalFields: readonly string[] = ["messages", "recent", "unseen", "vsize"];

/** The command "mailbox status": a mailbox's name and the requested fields, or with -t the sums. */
export const mailboxStatus: Command = {
  kind: "mail",
  columns: (arguments_, rules) =>
    fieldsOf(arguments_, rules).length + (arguments_.has("total-sum") ? 0 : 1),
  check(arguments_, rules) {
    if (masksOf(arguments_).length === 0) {
      throw usage("Status fields and mailbox must be specified");
    }
    fieldsOf(arguments_, rules);
  },
  run: statusOf,
};

function* statusOf(call: MailCommandCall): Iterable<string> {
  const { request, user, arguments: arguments_, rules } = call;
  const failures = new Failures(request);
  const fields = fieldsOf(arguments_, rules).map((field) => statusFields[field]);
  const sums = fields.map(() => 0);
  const reached = reachedNames(masksOf(arguments_), user, (mask) => user.names({ mask }));
  for (const { name, exists } of reached) {
    // A name with only child mailboxes; a mailbox name given without wildcards is reported nevertheless.
    if (exists === false) continue;
    const values: (number | string)[] = [];
    failures.attempt(`Mailbox ${name}: Failed to lookup mailbox status`, () => {
      const mailbox = user.open(name);
      for (const field of fields) values.push(field(mailbox));
    });
    if (values.length === 0) continue;
    if (arguments_.has("total-sum")) {
      for (const [at, value] of values.entries()) sums[at] += Number(value);
    } else {
      yield canonicalName(name, user.separatorOf(name));
      for (const value of values) yield String(value);
    }
  }
  if (arguments_.has("total-sum")) yield* sums.map(String);
  failures.finish();
}

/** The requested fields; throws a `CommandFailure` for an invalid one. */
function fieldsOf(arguments_: GivenOptions, { version }: Rules): readonly string[] {
  const asked = askedIn(arguments_, version);
  if (asked.length === 0) throw usage("No status fields");
  const isTotal = arguments_.has("total-sum");
  for (const field of asked) {
    if (field === "all") continue;
    if (!Object.hasOwn(statusFields, field)) throw usage(`Unknown status field: ${field}`);
    if (isTotal && !totalFields.includes(field)) {
      throw usage(`Status field ${field} can't be used with -t`);
    }
  }
  const possible = isTotal ? totalFields : Object.keys(statusFields);
  return asked.includes("all") ? possible : possible.filter((field) => asked.includes(field));
}

/** The given fields. On 2.4 an option "-f" has one field, on 2.3 it may have several. */
function askedIn(arguments_: GivenOptions, version: Rules["version"]): readonly string[] {
  const given = arguments_.list("field");
  if (version === "2.4" && given.length > 0) return given;
  const text = given.length > 0 ? given.join(" ") : arguments_.text("fieldstr") ?? "";
  return text.split(" ").filter((field) => field !== "");
}

/** The masks; without "fieldstr", which takes the first place unless there is -f. */
function masksOf(arguments_: GivenOptions): readonly string[] {
  const first = arguments_.has("field") ? arguments_.text("fieldstr") : undefined;
  return [...first === undefined ? [] : [first], ...arguments_.list("mailbox-mask")];
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
