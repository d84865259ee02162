/**
 * The commands that add mails to mailboxes: "save", "copy" and "move".
 *
 * @module
 */

import type { GivenOptions } from "../../core/doveadm/catalogue/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { Command, MailCommandCall, Rules } from "./command.ts";
import { Failures } from "./failures.ts";
import { MailboxKeywords } from "../mailboxes/flags.ts";
import type { Mail, Mailbox, NewMail } from "../mailbox.ts";
import { checkIsSafe, openMailboxes, simplified } from "./mail_walk.ts";
import { findMails } from "../search/match.ts";
import { parseSearchQuery, type SearchQuery } from "../search/query.ts";

const LF = 0x0a;
const CR = 0x0d;

/** The commands that add mails to mailboxes, by name. */
export const savingCommands: Readonly<Record<string, Command>> = {
  save: { kind: "mail", columns: () => 0, run: (call) => saveMail(call) },
  copy: transferring("copy", operandsInWords),
  move: transferring("move", operandsInWords),
};

/** Saves a command's input, with LF as line ends, like a server that stores mails so. */
export async function* saveMail(
  call: MailCommandCall,
  metadata: Omit<NewMail, "bytes"> = {},
): AsyncIterable<string> {
  const { request, user, arguments: arguments_ } = call;
  const name = arguments_.text("mailbox") ?? "INBOX";
  if (arguments_.has("file")) {
    throw new CommandFailure("TEMPFAIL", {
      log: "There are no files to save from. Send the message as the command's input.",
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.input) chunks.push(chunk);
  const failures = new Failures(request);
  failures.attempt(`Can't save to mailbox ${name}`, () => {
    user.add(name, { ...metadata, bytes: withLineFeeds(chunks) });
  });
  yield* [];
  failures.finish();
}

/** The bytes of all chunks, without the CR of each CR LF, and without one at the end, which Dovecot loses. */
function withLineFeeds(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let size = 0;
  for (const chunk of chunks) {
    let from = 0;
    const add = (to: number) => {
      joined.set(chunk.subarray(from, to), size);
      size += to - from;
      from = to;
    };
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      // The CR may be the last of the previous chunk.
      add(at);
      if (joined[size - 1] === CR) size--;
    }
    add(chunk.length);
  }
  if (joined[size - 1] === CR) size--;
  return joined.subarray(0, size);
}

/** A command that copies or moves mails; `read` reads its arguments, up to the query. */
export function transferring(
  verb: "copy" | "move",
  read: (arguments_: GivenOptions) => Operands,
): Command {
  return {
    kind: "mail",
    columns: () => 0,
    check(arguments_, rules) {
      const { query } = transferOf(read(arguments_), rules);
      if (verb === "move") checkIsSafe(query, verb);
    },
    run: (call) => transferMails(call, verb, transferOf(read(call.arguments), call.rules)),
  };
}

/** The arguments of "copy" and "move", before the query is parsed. */
export interface Operands {
  readonly destination: string | undefined;
  readonly sourceUser: string | undefined;
  /** The words of the query. */
  readonly words: readonly string[];
}

/** The arguments of "copy" and "move". */
interface Transfer {
  /** The target mailbox. */
  readonly destination: string;
  /** The source user; the same user if left out. */
  readonly sourceUser: string | undefined;
  readonly query: SearchQuery;
}

/** Reads the arguments where "user" and its name are words in front of the query. */
function operandsInWords(arguments_: GivenOptions): Operands {
  const [destination, ...rest] = [
    arguments_.text("destination-mailbox"),
    arguments_.text("source-type"),
    arguments_.text("source-user"),
    ...arguments_.list("query"),
  ].filter((word) => word !== undefined);
  const hasSource = rest.length > 1 && rest[0].toLowerCase() === "user";
  return {
    destination,
    sourceUser: hasSource ? rest[1] : undefined,
    words: hasSource ? rest.slice(2) : rest,
  };
}

function transferOf({ destination, sourceUser, words }: Operands, { version }: Rules): Transfer {
  if (destination === undefined || (words.length === 0 && sourceUser === undefined)) {
    throw new CommandFailure("USAGE", {
      log:
        'There is no destination, or no search query. Give both, like "Archive" "mailbox" "INBOX".',
    });
  }
  return { destination, sourceUser, query: parseSearchQuery(words, version) };
}

function* transferMails(
  call: MailCommandCall,
  verb: "copy" | "move",
  { destination, sourceUser, query: given }: Transfer,
): Iterable<string> {
  const { request, system, user, rules } = call;
  const query = verb === "move" ? simplified(given) : given;
  const source = sourceUser === undefined ? user : system.findUser(sourceUser);
  if (source === undefined) {
    throw new CommandFailure("NOUSER", { log: `There is no user ${sourceUser} to ${verb} from.` });
  }
  const failures = new Failures(request);
  const targets: Mailbox[] = [];
  failures.attempt(`Can't ${verb} to mailbox ${destination}`, () => {
    targets.push(user.open(destination));
  });
  for (const target of targets) {
    const keywords = MailboxKeywords.of(target);
    // Mails added to a mailbox that is visited later are found there again.
    const { ignoresMissing: ignoreMissing } = rules;
    const options = { failures, verb: `${verb} from`, ignoreMissing };
    for (const searched of openMailboxes(query, source, options)) {
      const found = [...findMails(query, searched)].map(({ mail }) => mail);
      // A move within a user's mailboxes doesn't change the quota.
      const needsRoom = verb === "copy" || source !== user;
      const copied = new Set<Mail>();
      let bytes = 0;
      for (const mail of found) {
        const what = `Can't ${verb} UID ${mail.uid} from mailbox ${searched.name}`;
        failures.attempt(what, () => {
          const more = { bytes: bytes + mail.bytes.length, messages: copied.size + 1 };
          if (needsRoom) user.checkRoom(more);
          copied.add(mail);
          bytes = more.bytes;
        });
      }
      target.addAll([...copied].map((mail) => copyOf(mail, keywords)));
      if (verb === "move") searched.mailbox.expunge(copied);
    }
  }
  yield* [];
  failures.finish();
}

/** A mail for another mailbox, with keywords as spelled there. */
function copyOf({ bytes, guid, flags, received }: Mail, keywords: MailboxKeywords): NewMail {
  keywords.learn(flags);
  return { bytes, guid, received, flags: keywords.normalize(flags) };
}
