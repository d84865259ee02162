/**
 * The commands that add mails to mailboxes, in Dovecot 2.4.
 *
 * @module
 */

import type { GivenOptions } from "../../../core/doveadm/catalogue/mod.ts";
import { readSearchTime } from "../../../core/doveadm/query/search_time.ts";
import { CommandFailure } from "../../../doveadm/server/command_failure.ts";
import type { Command, MailCommandCall } from "../../commands/command.ts";
import { type Operands, saveMail, transferring } from "../../commands/saving.ts";
import type { NewMail } from "../../mailbox.ts";

/** The largest UID that "save" takes. */
const largestUid = 2 ** 32 - 2;

/** The commands that add mails to mailboxes, by name. */
export const savingCommands24: Readonly<Record<string, Command>> = {
  save: {
    kind: "mail",
    columns: () => 0,
    check(arguments_) {
      if ((arguments_.number("uid") ?? 0) > largestUid) throw usage("The UID is too large");
      if (arguments_.text("guid") === "") throw usage("The GUID is empty");
      receivedDate(arguments_);
    },
    run: (call) => saveMail(call, metadataOf(call)),
  },
  copy: transferring("copy", operandsWithKeyword),
  move: transferring("move", operandsWithKeyword),
};

/** What the options say of the mail. */
function metadataOf({ user, arguments: arguments_ }: MailCommandCall): Omit<NewMail, "bytes"> {
  const uid = arguments_.number("uid") ?? 0;
  const guid = arguments_.text("guid");
  const received = receivedDate(arguments_);
  // A UID that is too low is ignored.
  const { uidNext = 0 } = user.find(arguments_.text("mailbox") ?? "INBOX") ?? {};
  return {
    ...uid > 0 && uid >= uidNext ? { uid } : {},
    ...guid === undefined ? {} : { guid },
    ...received === undefined ? {} : { received },
  };
}

/** The time of receipt; throws a `CommandFailure` for an invalid one. */
function receivedDate(arguments_: GivenOptions): Date | undefined {
  const text = arguments_.text("received-date");
  if (text === undefined) return undefined;
  const time = readSearchTime(text, "2.4");
  if (time === undefined) throw usage(`Invalid received-date ${JSON.stringify(text)}`);
  const { type, seconds } = time;
  const date = new Date(
    (type === "ago" ? Math.floor(Date.now() / 1000) - seconds : seconds) * 1000,
  );
  if (Number.isNaN(date.getTime())) {
    throw usage(`The received-date ${JSON.stringify(text)} is too far away`);
  }
  return date;
}

/** Reads the arguments of "copy" and "move", where "user" is a keyword. */
function operandsWithKeyword(arguments_: GivenOptions): Operands {
  const words = arguments_.list("query");
  return {
    destination: arguments_.text("destination-mailbox"),
    sourceUser: words.length === 0 ? undefined : arguments_.text("source-user"),
    words,
  };
}

function usage(log: string): CommandFailure {
  return new CommandFailure("USAGE", { log });
}
