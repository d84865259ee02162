/**
 * The real server's side: starts it and sends commands.
 *
 * @module
 */

import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { mail, preparation, quota, receivedAt, users } from "./mail_set.ts";
import { type Answer, commandLine, type Question } from "./question.ts";
import { SocketClient } from "./socket_client.ts";

/** Starts a real server with the mail of the comparison, and prepares it. */
export async function startReal(version: DovecotVersion): Promise<Dovecot> {
  const extraConfig = inUtc[version];
  const dovecot = await startDovecot({ version, users, mail, quota, extraConfig });
  try {
    await spreadDates(join(dovecot.folder, "mail"));
    await using client = new RealClient(dovecot);
    const counting = users.map((user) => ({ ...countModseqs, user }));
    for (const question of [...counting, ...preparation]) {
      const { result, log } = await client.ask(question);
      if (result === "+") continue;
      throw new Error(`${commandLine(question)}: ${result}\n${log.join("\n")}`);
    }
  } catch (error) {
    await dovecot.stop();
    throw error;
  }
  return dovecot;
}

/** The server prints and searches dates in its own time zone. */
const inUtc: Readonly<Record<DovecotVersion, string>> = {
  "2.3": "import_environment = TZ=UTC\n",
  "2.4": "import_environment {\n  TZ = UTC\n}\n",
};

/** Sends commands to a real server. */
export class RealClient extends SocketClient {
  /** Creates one for a server. */
  constructor({ socket }: Dovecot) {
    super(socket);
  }

  override async ask(question: Question): Promise<Answer> {
    const answer = await super.ask(question);
    const makesMailboxes = ["mailbox create", "mailbox rename"].includes(question.name);
    if (makesMailboxes) await super.ask({ ...countModseqs, user: question.user });
    return answer;
  }
}

/**
 * Makes the server record each mail's modification sequence.
 *
 * It begins to only at the first request for one; until then all of a mailbox's mails have the highest
 * one. The embedded server differs in this.
 */
const countModseqs: Question = { name: "search", args: ["mailbox", "*", "modseq", "1"] };

/** Spreads the times of receipt over some weeks, by setting the files' modification times. */
async function spreadDates(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const index = /\.M(\d+)P1\.dovewire/.exec(entry.name)?.[1];
    if (index === undefined) continue;
    const received = receivedAt(Number(index)).getTime() / 1000;
    await utimes(join(entry.parentPath, entry.name), received, received);
  }
}
