/**
 * The real server's side: starts it and sends commands.
 *
 * @module
 */

import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { mail, preparation, quota, receivedAt, users } from "./mail_set.ts";
import { type Answer, commandLine, type Question } from "./question.ts";
import { HttpClient } from "./http_client.ts";
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
    if (makesMailboxes(question)) await super.ask({ ...countModseqs, user: question.user });
    return answer;
  }
}

/** Sends commands to a real server over HTTP. */
export class RealHttpClient {
  readonly #overHttp: HttpClient;
  readonly #overSocket: SocketClient;

  /** Creates one for a server; the other client is for what has to follow some commands. */
  constructor(dovecot: Dovecot, version: DovecotVersion, overSocket: SocketClient) {
    const { httpPort: port, apiKey } = dovecot;
    this.#overHttp = new HttpClient({ port, apiKey, version, readLog: newLines(dovecot) });
    this.#overSocket = overSocket;
  }

  /** Sends a command. */
  async ask(question: Question): Promise<Answer> {
    const answer = await this.#overHttp.ask(question);
    if (makesMailboxes(question)) {
      // Over HTTP it may be for several users.
      for (const user of users) await this.#overSocket.ask({ ...countModseqs, user });
    }
    return answer;
  }
}

function makesMailboxes({ name }: Question): boolean {
  return ["mailbox create", "mailbox rename"].includes(name);
}

/** How long a server's log may take to say why a connection ended, in milliseconds. */
const LOG_TIMEOUT = 30_000;

/** A function that returns the lines of a server's log since its last call, one of which says why it ended. */
function newLines(dovecot: Dovecot): () => Promise<readonly string[]> {
  let seen = 0;
  return async () => {
    for (const start = Date.now();; await delay(20)) {
      const log = await dovecot.log();
      const isThere = /(?:Fatal|Panic): (?!master: )/.test(log.slice(seen));
      if (!isThere && Date.now() - start < LOG_TIMEOUT) continue;
      const lines = log.slice(seen).split("\n");
      seen = log.length;
      return lines;
    }
  };
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
