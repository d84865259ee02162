/**
 * The commands on mailboxes: "mailbox list", "mailbox status", "mailbox create" …
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Command, Fields, MailCommandCall } from "./command.ts";
import { Failures } from "./failures.ts";
import type { MailUser } from "../mail_user.ts";
import { canonicalName } from "../mailboxes/names.ts";
import { encodeMutf7 } from "../../core/imap/mutf7.ts";
import { reachedNames } from "../mailboxes/reached_names.ts";
import { mailboxStatus } from "./mailbox_status.ts";

/** A GUID in the only spelling that Dovecot accepts. */
const GUID = /^[0-9a-f]{32}$/i;

/** The commands on mailboxes, by name. */
export const mailboxCommands: Readonly<Record<string, Command>> = {
  "mailbox list": {
    kind: "mail",
    columns: () => 1,
    run: listMailboxes,
  },
  "mailbox status": mailboxStatus,
  "mailbox create": {
    kind: "mail",
    columns: () => 0,
    check(arguments_) {
      const guid = arguments_.text("guid");
      if (guid !== undefined && !GUID.test(guid)) throw usage(`Invalid GUID: ${guid}`);
      checkMailboxes(arguments_);
    },
    run: createMailboxes,
  },
  "mailbox delete": {
    kind: "mail",
    columns: () => 0,
    check: checkMailboxes,
    run: deleteMailboxes,
  },
  "mailbox rename": {
    kind: "mail",
    columns: () => 0,
    check(arguments_) {
      if (!arguments_.has("mailbox") || !arguments_.has("new-name")) {
        throw usage("The mailbox's old and new name must be specified");
      }
    },
    run: renameMailbox,
  },
  "mailbox subscribe": subscribing("subscribe to", (user, name) => user.subscribe(name)),
  "mailbox unsubscribe": subscribing("unsubscribe", (user, name) => user.unsubscribe(name)),
};

/** A command that changes subscriptions. */
function subscribing(verb: string, change: (user: MailUser, name: string) => void): Command {
  return {
    kind: "mail",
    columns: () => 0,
    check: checkMailboxes,
    run({ request, user, arguments: arguments_ }) {
      const failures = new Failures(request);
      for (const name of arguments_.list("mailbox")) {
        failures.attempt(`Can't ${verb} mailbox ${name}`, () => change(user, name));
      }
      failures.finish();
      return [];
    },
  };
}

function checkMailboxes(arguments_: GivenOptions): void {
  if (!arguments_.has("mailbox")) throw usage("No mailbox specified");
}

function* listMailboxes({ user, arguments: arguments_ }: MailCommandCall): Iterable<string> {
  const encode = arguments_.has("mutf7") && !arguments_.has("utf8");
  const reached = reachedNames(arguments_.list("mailbox-mask"), user, (mask) => {
    if (!arguments_.has("subscriptions")) return user.names({ mask, alwaysInbox: true });
    return [...user.subscriptions(mask)].map((name) => ({ name }));
  });
  for (const { name } of reached) yield encode ? encodeMutf7(name) : name;
}

function createMailboxes(call: MailCommandCall): Fields {
  const { request, user, arguments: arguments_ } = call;
  const failures = new Failures(request);
  for (const given of arguments_.list("mailbox")) {
    // A name with a separator at its end is that of a folder, which is a mailbox in a Maildir.
    const name = given.endsWith(user.separatorOf(given)) ? given.slice(0, -1) : given;
    failures.attempt(`Can't create mailbox ${name}`, () => {
      user.create(name, { guid: arguments_.text("guid")?.toLowerCase() });
    });
    if (arguments_.has("subscriptions")) {
      failures.attempt(`Can't subscribe to mailbox ${name}`, () => user.subscribe(name));
    }
  }
  failures.finish();
  return [];
}

function deleteMailboxes(call: MailCommandCall): Fields {
  const { request, user, arguments: arguments_ } = call;
  const failures = new Failures(request);
  const mustBeEmpty = arguments_.has("require-empty");
  let names = arguments_.list("mailbox");
  if (arguments_.has("recursive")) {
    names = names.flatMap((name) => [...namesBelow(user, name), ...name === "" ? [] : [name]]);
  }
  // In reverse order, so that mailboxes come before their parents.
  for (const name of [...names].sort(byBytes).reverse()) {
    failures.attempt(`Can't delete mailbox ${name}`, () => user.delete(name, { mustBeEmpty }));
    if (arguments_.has("subscriptions")) {
      failures.attempt(`Can't unsubscribe mailbox ${name}`, () => user.unsubscribe(name));
    }
  }
  failures.finish();
  return [];
}

/** The names of a mailbox's descendants; for "" all names. */
function namesBelow(user: MailUser, name: string): readonly string[] {
  const separator = user.separatorOf(name);
  const prefix = name === "" ? "" : `${canonicalName(name, separator)}${separator}`;
  // The name may contain a wildcard, so that the mask matches other names too.
  return [...user.names({ mask: `${prefix}*`, alwaysInbox: name === "" })]
    .map((below) => below.name)
    .filter((below) => below.startsWith(prefix));
}

function renameMailbox(call: MailCommandCall): Fields {
  const { request, user, arguments: arguments_ } = call;
  const failures = new Failures(request);
  const from = arguments_.text("mailbox") ?? "";
  const to = arguments_.text("new-name") ?? "";
  failures.attempt(`Can't rename mailbox ${from} to ${to}`, () => user.rename(from, to));
  if (arguments_.has("subscriptions")) {
    failures.attempt(`Can't unsubscribe mailbox ${from}`, () => user.unsubscribe(from));
    failures.attempt(`Can't subscribe to mailbox ${to}`, () => user.subscribe(to));
  }
  failures.finish();
  return [];
}

/** Orders texts by their UTF-8 bytes, which is the order of their code points. */
function byBytes(a: string, b: string): number {
  const [one, other] = [[...a], [...b]];
  const at = one.findIndex((character, at) => character !== other[at]);
  if (at === -1) return one.length - other.length;
  return one[at].codePointAt(0)! - (other[at]?.codePointAt(0) ?? -1);
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
