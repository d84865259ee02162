/**
 * The peers of the memory benchmark, on Node: a server that lets everybody in, whose port it prints first, and clients
 * that idle. Does what each line of its input asks for, and prints the result as JSON.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

/** What to do. */
export interface IdlersTask {
  /**
   * "connect": opens connections that say nothing; "idle": opens ones that run XSLEEP; "wake": ends XSLEEP on some, one
   * after the other, and measures how long the answers take.
   */
  readonly kind: "connect" | "idle" | "wake";
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** How many connections. */
  readonly count: number;
}

const CAPABILITIES =
  "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS " +
  "THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED " +
  "I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY " +
  "PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE REPLACE SPECIAL-USE NOTIFY LITERAL+ AUTH=PLAIN";

/** What the server says to a line. */
function answer(line: string): string {
  const [, tag, name] = /^(\S+) (\w+)/.exec(line) ?? [];
  switch (name) {
    case undefined:
      return `${idleTag} OK Done.\r\n`;
    case "IDLE":
      idleTag = tag;
      return "+ idling\r\n";
    case "ID":
      return `* ID ("name" "scripted")\r\n${tag} OK Done.\r\n`;
    default:
      return `${tag} OK [CAPABILITY ${CAPABILITIES}] Done.\r\n`;
  }
}

/** The tag of all clients' IDLE: it is the same. */
let idleTag = "";

const server = createServer({ noDelay: true }, (socket) => {
  socket.setEncoding("latin1");
  socket.on("error", () => {});
  socket.write(`* OK [CAPABILITY ${CAPABILITIES}] ready.\r\n`);
  let rest = "";
  socket.on("data", (chunk) => {
    const lines = (rest + chunk).split("\r\n");
    rest = lines.pop()!;
    for (const line of lines) socket.write(answer(line));
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

const idlers: Socket[] = [];

async function open({ kind, port }: IdlersTask): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  idlers.push(socket);
  await once(socket, "connect");
  if (kind === "connect") return;
  await ask(socket, "", "* OK ");
  await ask(socket, "l LOGIN alice s3cret\r\n", "l OK ");
  await ask(socket, "i XSLEEP\r\n", "+ ");
}

/** Sends a command, and waits for a line that begins so. */
async function ask(socket: Socket, command: string, start: string): Promise<void> {
  if (command !== "") socket.write(command);
  for (let said = ""; !`\n${said}`.includes(`\n${start}`);) {
    const [chunk] = await once(socket, "data");
    said += chunk;
  }
}

/** The milliseconds until each answer, shortest first. */
async function wake(count: number): Promise<number[]> {
  const times: number[] = [];
  for (const socket of idlers.slice(-count)) {
    const start = performance.now();
    await ask(socket, "DONE\r\n", "i OK ");
    times.push(performance.now() - start);
  }
  return times.sort((one, other) => one - other);
}

for await (const line of createInterface({ input: process.stdin })) {
  const task: IdlersTask = JSON.parse(line);
  let times: number[] = [];
  if (task.kind === "wake") times = await wake(task.count);
  else {
    for (let left = task.count; left > 0; left -= 50) {
      await Promise.all(Array.from({ length: Math.min(50, left) }, () => open(task)));
    }
  }
  console.log(JSON.stringify(times));
}
process.exit();
