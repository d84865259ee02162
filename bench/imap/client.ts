/**
 * The client of the relay's bench: does what each task says, and answers with how many milliseconds that took.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import { ImapFlow } from "imapflow";
import { answerTasks } from "../harness/program.ts";
import { ask, LOGIN, logIn } from "./conversation.ts";

/** What to do, at a port of 127.0.0.1. */
export interface ClientTask {
  /** Fetch the envelopes or sources of mails, append a mail, or run NOOP. */
  readonly kind: "envelopes" | "sources" | "append" | "noop";
  readonly port: number;
  /** How many mails there are, how many bytes to append, how many NOOPs to run. */
  readonly count: number;
}

const clients = new Map<number, Promise<ImapFlow>>();

/** The connection to a port. */
function clientOf(port: number): Promise<ImapFlow> {
  let client = clients.get(port);
  if (client === undefined) clients.set(port, client = newClient(port));
  return client;
}

async function newClient(port: number): Promise<ImapFlow> {
  const client = new ImapFlow({
    ...{ host: "127.0.0.1", port, secure: false, doSTARTTLS: false, logger: false },
    ...{ disableAutoIdle: true, disableCompression: true },
    auth: { user: LOGIN.user, pass: LOGIN.password },
  });
  await client.connect();
  await client.mailboxOpen("INBOX");
  return client;
}

async function run({ kind, port, count }: ClientTask): Promise<number> {
  switch (kind) {
    case "noop":
      return await runNoops(port, count);
    case "append":
      return await append(await clientOf(port), count);
    default:
      return await fetchAll(await clientOf(port), kind, count);
  }
}

async function append(client: ImapFlow, size: number): Promise<number> {
  const mail = Buffer.alloc(size, `${"x".repeat(78)}\r\n`);
  mail.write("Subject: large\r\n\r\n");
  const start = performance.now();
  const appended = await client.append("Archive", mail);
  const elapsed = performance.now() - start;
  if (appended === false) throw new Error("Nothing was appended.");
  await client.mailboxDelete("Archive");
  await client.mailboxCreate("Archive");
  return elapsed;
}

async function fetchAll(
  client: ImapFlow,
  kind: "envelopes" | "sources",
  count: number,
): Promise<number> {
  const query = kind === "envelopes"
    ? { envelope: true, flags: true, internalDate: true }
    : { source: true };
  let seen = 0;
  const start = performance.now();
  for await (const _ of client.fetch("1:*", query)) seen++;
  const elapsed = performance.now() - start;
  if (seen !== count) throw new Error(`There are ${seen} mails, not ${count}.`);
  return elapsed;
}

/** Runs so many NOOPs, one after the other. */
async function runNoops(port: number, count: number): Promise<number> {
  const socket = await logIn(port);
  const start = performance.now();
  for (let at = 0; at < count; at++) await ask(socket, "n NOOP\r\n", "n OK ");
  const elapsed = performance.now() - start;
  socket.destroy();
  return elapsed;
}

await answerTasks(run);
process.exit();
