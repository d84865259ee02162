/**
 * An HTTP client that makes many requests at once: does what each task says, checks that no answer is another
 * request's, and answers with how many milliseconds that took.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import process from "node:process";
import { answerTasks } from "../harness/program.ts";

/** What to do. */
export interface HttpLoadTask {
  readonly port: number;
  readonly password: string;
  /** How many requests there are, and over how many connections; each is for a user of its own. */
  readonly requests: number;
  readonly connections: number;
}

/** The mailbox that only that user has. */
export function mailboxOf(user: string): string {
  return `of-${user}`;
}

/** How many users there are. */
export const USERS = 50;

function listMailboxes(agent: Agent, { port, password }: HttpLoadTask, at: number): Promise<void> {
  const user = `user${at % USERS}`;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        agent,
        port,
        host: "127.0.0.1",
        method: "POST",
        path: "/doveadm/v1",
        auth: `doveadm:${password}`,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => text += chunk);
        response.on("error", reject).on("end", () => {
          try {
            const [[kind, rows, tag]] = JSON.parse(text);
            assert.deepEqual([response.statusCode, kind, tag], [200, "doveadmResponse", `${at}`]);
            assert(rows.some((row: { mailbox: string }) => row.mailbox === mailboxOf(user)), text);
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    asked.on("error", reject);
    asked.end(JSON.stringify([["mailboxList", { user }, `${at}`]]));
  });
}

if (import.meta.main) {
  await answerTasks<HttpLoadTask>(async (task) => {
    const agent = new Agent({ keepAlive: true, maxSockets: task.connections });
    const begun = performance.now();
    const all = Array.from({ length: task.requests }, (_, at) => listMailboxes(agent, task, at));
    await Promise.all(all);
    const time = performance.now() - begun;
    agent.destroy();
    return time;
  });
  process.exit();
}
