/**
 * Copies the real server's state to the embedded server.
 *
 * @module
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MailboxState, NewMail } from "../../../testing/mailbox.ts";
import { MailSystem, type UserState } from "../../../testing/mail_system.ts";
import { users } from "./mail_set.ts";
import type { Known } from "./queries.ts";
import { type Ask, commandLine, textsOf } from "./question.ts";

/** The copied state of the real server. */
export interface RealState extends Known {
  /** The same mail in memory. */
  readonly system: MailSystem;
  /** Each user's subscriptions, in their order; some of the mailboxes don't exist. */
  readonly subscriptions: ReadonlyMap<string, readonly string[]>;
}

/** The fields that are read of each mail. */
const MAIL_FIELDS = "uid guid flags modseq date.received.unixtime date.saved.unixtime";

/** Reads a real server's state with its own commands; only the messages' bytes come from the files. */
export async function readState(ask: Ask): Promise<RealState> {
  const reader = new Reader(ask);
  const states: Record<string, UserState> = {};
  const subscriptions = new Map<string, readonly string[]>();
  for (const user of users) {
    states[user] = await reader.user(user);
    subscriptions.set(user, await reader.texts("mailbox list", user, "-s"));
  }
  const { mailboxGuids, mailGuids } = reader;
  return { system: new MailSystem({ users: states }), subscriptions, mailboxGuids, mailGuids };
}

/** Copies the subscriptions of the real server's users, in their order. */
export async function takeOverSubscriptions(embedded: Ask, state: RealState): Promise<void> {
  for (const [user, args] of state.subscriptions) {
    if (args.length > 0) await embedded({ name: "mailbox subscribe", user, args });
  }
}

class Reader {
  readonly mailboxGuids: string[] = [];
  readonly mailGuids: string[] = [];
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async texts(name: string, user: string | undefined, ...args: string[]): Promise<string[]> {
    const question = { name, args, ...(user === undefined ? {} : { user }) };
    const answer = await this.#ask(question);
    if (answer.result === "+") return textsOf(answer);
    throw new Error(`${commandLine(question)}: ${answer.result}\n${answer.log.join("\n")}`);
  }

  async user(user: string): Promise<UserState> {
    const [json] = await this.texts("user", undefined, user);
    const [, type, , limit] = await this.texts("quota get", user);
    if (type !== "STORAGE") throw new Error(`"quota get" begins with ${type}.`);
    const listed = await this.texts("mailbox status", user, "messages", "*");
    const names = listed.filter((_, at) => at % 2 === 0);
    const mailboxes: Record<string, MailboxState> = {};
    // The newest mailbox is listed first, except INBOX: always listed last, and created last here.
    names.unshift(names.pop()!);
    for (const name of names.reverse()) mailboxes[name] = await this.#mailbox(user, name);
    // The generator picks from these: sorted, they don't depend on the order of a folder's entries.
    for (const name of [...names].sort()) {
      const { guid, mails } = mailboxes[name];
      this.mailboxGuids.push(guid!);
      this.mailGuids.push(...mails!.map((mail) => mail.guid!));
    }
    return { fields: JSON.parse(json)[user], quota: { bytes: Number(limit) * 1024 }, mailboxes };
  }

  async #mailbox(user: string, name: string): Promise<MailboxState> {
    const [folder] = await this.texts("mailbox path", user, "-t", "mailbox", name);
    const files = await messagesIn(folder);
    const fields = await this.texts("fetch", user, MAIL_FIELDS, "mailbox", name, "all");
    const mails: NewMail[] = [];
    for (let at = 0; at < fields.length; at += 6) {
      const [uid, guid, flags, modseq, received, saved] = fields.slice(at, at + 6);
      const bytes = files.get(guid);
      if (bytes === undefined) throw new Error(`${folder} has no message ${guid}.`);
      mails.push({
        bytes,
        uid: Number(uid),
        guid,
        // The mailbox defines which mails are recent: here all of them are.
        flags: flags.split(" ").filter((flag) => flag !== "" && flag !== "\\Recent"),
        modseq: Number(modseq),
        received: new Date(Number(received) * 1000),
        saved: new Date(Number(saved) * 1000),
      });
    }
    const [, uidNext, uidValidity, modseq, guid] = await this.texts(
      ...["mailbox status", user, "uidnext uidvalidity highestmodseq guid", name] as const,
    );
    return {
      guid,
      uidValidity: Number(uidValidity),
      uidNext: Number(uidNext),
      highestModseq: Number(modseq),
      mails,
    };
  }
}

/** The messages in a Maildir folder by file name, which is the GUID of a mail that was not copied. */
async function messagesIn(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const messages = new Map<string, Uint8Array>();
  for (const sub of ["new", "cur"]) {
    for (const name of await readdir(join(folder, sub))) {
      // deepEqual would distinguish a Buffer from a Uint8Array.
      const bytes = new Uint8Array(await readFile(join(folder, sub, name)));
      messages.set(name.split(":")[0], bytes);
    }
  }
  return messages;
}
