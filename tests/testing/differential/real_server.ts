/**
 * The real server's side: starts it and sends commands.
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
  // The server prints and searches dates in its own time zone.
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

/** Creates a function that sends commands to a real server. */
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
 * Makes the server record each mail's modification sequence.
 *
 * It begins to only at the first request for one; until then all of a mailbox's mails have the highest
 * one. The embedded server differs in this.
 */
const countModseqs: Question = { name: "search", args: ["mailbox", "*", "modseq", "1"] };

/**
 * Sends commands to a server at a UNIX socket, each on its own connection, since not all commands can
 * share a connection with others.
 */
export function askSocket(path: string): Ask {
  return async ({ input, ...command }) => {
    const log: string[] = [];
    await using connection = await open(path, log);
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

/**
 * Opens a connection; what it logs goes to `log`. A process of Dovecot that is about to end may still accept
 * one, which then ends before the handshake: nothing was sent, and the next process takes it.
 */
async function open(path: string, log: string[], attempts = 3): Promise<DoveadmConnection> {
  const transport = await connect({ transport: "unix", path });
  try {
    return await DoveadmConnection.open(transport, {
      // Dovecot 2.3 sends its log without a request for it.
      logPassthrough: true,
      onLog: ({ level, message }) => log.push(`${level}: ${message}`),
    });
  } catch (error) {
    if (!(error instanceof ConnectionLostError) || error.sent || attempts === 1) throw error;
    return await open(path, log, attempts - 1);
  }
}

/** Spreads the times of receipt over some weeks, by setting the files' modification times. */
async function spreadDates(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const index = /\.M(\d+)P1\.dovewire/.exec(entry.name)?.[1];
    if (index === undefined) continue;
    const received = receivedAt(Number(index)).getTime() / 1000;
    await utimes(join(entry.parentPath, entry.name), received, received);
  }
}
