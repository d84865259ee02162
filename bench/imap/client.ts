/**
 * The client of the relay's benchmark, on Node: does what each line of its input asks for, and prints how long that
 * took.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { ImapFlow } from "imapflow";

/** What to do, at a port of 127.0.0.1. */
export interface Task {
  readonly kind: "envelopes" | "sources" | "append" | "noop" | "idle" | "end";
  readonly port: number;
  /** How many mails, commands or connections. */
  readonly count: number;
}

/** The user and the password at every server. */
export const LOGIN = { user: "alice", password: "s3cret" };

/** The size of the mail to append, in bytes. */
const APPENDED = 20 * 1024 * 1024;

const MAIL = Buffer.concat([
  Buffer.from("Subject: large\r\n\r\n"),
  Buffer.alloc(APPENDED, `${"x".repeat(78)}\r\n`),
]);

const clients = new Map<number, Promise<ImapFlow>>();
const idlers: Socket[] = [];

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

/** Does a task, and returns how many milliseconds it took. */
async function run({ kind, port, count }: Task): Promise<number> {
  if (kind === "noop") return await timeNoops(port, count);
  if (kind === "idle") return await openIdlers(port, count);
  const client = await clientOf(port);
  if (kind === "append") {
    const start = performance.now();
    const appended = await client.append("Archive", MAIL);
    const elapsed = performance.now() - start;
    if (appended === false) throw new Error("Nothing was appended.");
    await client.mailboxDelete("Archive");
    await client.mailboxCreate("Archive");
    return elapsed;
  }
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

/** The median of many NOOPs, one after the other. */
async function timeNoops(port: number, count: number): Promise<number> {
  const socket = await logIn(port);
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const start = performance.now();
    await ask(socket, "n NOOP\r\n", "n OK ");
    times.push(performance.now() - start);
  }
  socket.destroy();
  return times.sort((one, other) => one - other)[times.length >> 1];
}

/** Opens connections that idle from then on. */
async function openIdlers(port: number, count: number): Promise<number> {
  const start = performance.now();
  for (let left = count; left > 0; left -= 50) {
    await Promise.all(Array.from({ length: Math.min(50, left) }, async () => {
      const socket = await logIn(port);
      await ask(socket, "i IDLE\r\n", "+ ");
      idlers.push(socket);
    }));
  }
  return performance.now() - start;
}

async function logIn(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await ask(socket, "", "* OK ");
  await ask(socket, `l LOGIN ${LOGIN.user} ${LOGIN.password}\r\n`, "l OK ");
  return socket;
}

/** Sends a command, and waits for a line that begins so. */
async function ask(socket: Socket, command: string, start: string): Promise<void> {
  if (command !== "") socket.write(command);
  for (let said = ""; !`\n${said}`.includes(`\n${start}`);) {
    const [chunk] = await once(socket, "data");
    said += chunk;
  }
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const task: Task = JSON.parse(line);
    if (task.kind === "end") break;
    console.log(await run(task));
  }
  for (const socket of idlers) socket.destroy();
  process.exit();
}
