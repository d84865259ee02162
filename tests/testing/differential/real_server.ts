/**
 * The real server's side: how it is started and asked.
 *
 * @module
 */

import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { ConnectionLostError, DoveadmConnection } from "../../../mod.ts";
import { connect } from "../../../transports/mod.ts";
import { type Dovecot, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { mail, preparation, quota, receivedAt, users } from "./mail_set.ts";
import { type Ask, commandLine, type Question } from "./question.ts";

/** Starts a real server with the mail of the comparison, and prepares it. */
export async function startReal(): Promise<Dovecot> {
  // Dates are printed, and searched, in the server's time zone.
  const extraConfig = "import_environment = TZ=UTC\n";
  const dovecot = await startDovecot({ users, mail, quota, extraConfig });
  try {
    await spreadDates(join(dovecot.folder, "mail"));
    const ask = askReal(dovecot);
    const counting = users.map((user) => ({ ...countModseqs, user }));
    for (const question of [...counting, ...preparation]) {
      const { result, log } = await ask(question);
      if (result === "+") continue;
      throw new Error(`${commandLine(question)}: ${result}\n${log.join("\n")}`);
    }
  } catch (error) {
    await dovecot.stop();
    throw error;
  }
  return dovecot;
}

/** Asks a real server. */
export function askReal({ socket }: Dovecot): Ask {
  const ask = askSocket(socket);
  return async (question) => {
    const answer = await ask(question);
    const makesMailboxes = ["mailbox create", "mailbox rename"].includes(question.name);
    if (makesMailboxes) await ask({ ...countModseqs, user: question.user });
    return answer;
  };
}

/**
 * Makes the server note each mail's modification sequence.
 *
 * It begins to only when somebody asks for one, and until then all of a mailbox's mails have the
 * highest one: that is one of the ways in which the embedded server is different.
 */
const countModseqs: Question = { name: "search", args: ["mailbox", "*", "modseq", "1"] };

/**
 * Asks a server at a UNIX socket, on a connection per command: not all commands get along with
 * others.
 */
export function askSocket(path: string): Ask {
  return async ({ input, ...command }) => {
    const log: string[] = [];
    const transport = await connect({ transport: "unix", path });
    await using connection = await DoveadmConnection.open(transport, {
      // Dovecot 2.3 sends its log unasked.
      logPassthrough: true,
      onLog: ({ level, message }) => log.push(`${level}: ${message}`),
    });
    try {
      const reply = await connection.send({ ...command, input });
      const detail = reply.detail === "" ? "" : ` ${reply.detail}`;
      const result = (reply.ok ? "+" : `-${reply.code}`) + detail;
      return { result, fields: reply.rawFields, log };
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      return { result: "lost", fields: [], log };
    }
  };
}

/** Spreads over some weeks when messages were received: that is when their files were changed. */
async function spreadDates(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const index = /\.M(\d+)P1\.dovewire/.exec(entry.name)?.[1];
    if (index === undefined) continue;
    const received = receivedAt(Number(index)).getTime() / 1000;
    await utimes(join(entry.parentPath, entry.name), received, received);
  }
}
