/**
 * Delivers mail to a server's users and keeps their mailboxes open, with Dovecot's own programs.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import type { Dovecot } from "./dovecot.ts";

/** The time limit for an answer, in milliseconds. */
const PATIENCE = 60_000;

/** The command line of one of Dovecot's programs, for a user who is logged in from the start. */
function commandOf({ folder }: Dovecot, program: string, args: readonly string[]): string[] {
  return ["doveadm", "-c", join(folder, "dovecot.conf"), "exec", program, ...args];
}

/** Delivers a message, as a mail server does; `mailbox` is INBOX if left out. */
export async function deliver(
  dovecot: Dovecot,
  { user, mail, mailbox = "INBOX" }: {
    readonly user: string;
    readonly mail: string | Uint8Array;
    readonly mailbox?: string;
  },
): Promise<void> {
  const [command, ...args] = commandOf(dovecot, "dovecot-lda", ["-d", user, "-m", mailbox]);
  const agent = spawn(command, args);
  let said = "";
  agent.stderr.setEncoding("utf8").on("data", (chunk) => said += chunk);
  agent.stdin.end(mail);
  const code = await new Promise((resolve, reject) => {
    agent.on("error", reject);
    agent.on("close", resolve);
  });
  assert.equal(code, 0, `dovecot-lda: ${said}`);
}

/** A session with Dovecot's IMAP server, for a user who is logged in from the start. */
export class ImapSession implements AsyncDisposable {
  #server: ChildProcessWithoutNullStreams;
  #received = "";
  #hear = () => {};
  #tags = 0;
  #ended: Promise<void>;

  /** Starts a session. */
  constructor(dovecot: Dovecot, user: string) {
    const command = commandOf(dovecot, "imap", ["-u", user]);
    // Some runtimes use sockets as pipes, and that program accepts no socket but its login's.
    this.#server = spawn("sh", ["-c", '"$@" | cat', "sh", ...command]);
    this.#server.stdout.setEncoding("utf8").on("data", (chunk) => {
      this.#received += chunk;
      this.#hear();
    });
    this.#ended = new Promise((resolve) => this.#server.on("close", () => resolve()));
  }

  /** Sends a command; resolves to the whole response, and rejects unless it is OK. */
  async command(text: string): Promise<string> {
    const tag = `t${++this.#tags}`;
    this.#server.stdin.write(`${tag} ${text}\r\n`);
    const answer = await this.until(new RegExp(`^${tag} .*\r\n`, "m"));
    assert.match(answer, new RegExp(`^${tag} OK`, "m"), answer);
    return answer;
  }

  /** Begins IDLE, whose responses {@linkcode until} returns. */
  async idle(): Promise<void> {
    this.#server.stdin.write(`idle IDLE\r\n`);
    await this.until(/^\+ .*\r\n/m);
  }

  /** Ends IDLE. */
  async done(): Promise<void> {
    this.#server.stdin.write("DONE\r\n");
    await this.until(/^idle OK.*\r\n/m);
  }

  /** Resolves to the output up to and including a match, and drops it. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const found = pattern.exec(this.#received);
      if (found !== null) {
        const end = found.index + found[0].length;
        const said = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return said;
      }
      const left = deadline - Date.now();
      assert(left > 0, `${pattern} didn't arrive within ${PATIENCE} ms, but ${this.#received}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#hear = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Logs out; resolves when the server is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.stdin.end("bye LOGOUT\r\n");
    await this.#ended;
  }
}
