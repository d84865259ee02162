/**
 * A server that lets everybody in, whose port it prints first, and clients that idle: does what each task says.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { answerTasks, tell } from "../harness/program.ts";
import { ask, dial, logIn } from "./conversation.ts";

/** What to do. */
export interface IdlersTask {
  /**
   * "connect": opens connections that say nothing; "idle": opens ones that run a command; "wake": ends it on the
   * latest of these, one after the other with pauses, and answers with how many milliseconds each took; "close": closes
   * as many that were woken.
   */
  readonly kind: "connect" | "idle" | "wake" | "close";
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** How many connections. */
  readonly count: number;
  /** The command to idle in; IDLE if left out. */
  readonly command?: string;
}

const CAPABILITIES =
  "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS " +
  "THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED " +
  "I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY " +
  "PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE REPLACE SPECIAL-USE NOTIFY LITERAL+ AUTH=PLAIN";

/** How many connections are opened at a time. */
const AT_ONCE = 50;

/** The tag of all clients' IDLE: it is the same. */
let idleTag = "";

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

/** How long after one answer the next connection is woken, in milliseconds: they come over hours, not in a burst. */
const PAUSE = 5;

const idlers: Socket[] = [];
const woken: Socket[] = [];

async function open({ kind, port, command = "IDLE" }: IdlersTask): Promise<void> {
  if (kind === "connect") {
    idlers.push(await dial(port));
    return;
  }
  const socket = await logIn(port);
  await ask(socket, `i ${command}\r\n`, "+ ");
  idlers.push(socket);
}

async function wake(count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (const socket of idlers.splice(-count)) {
    const start = performance.now();
    await ask(socket, "DONE\r\n", "i OK ");
    times.push(performance.now() - start);
    woken.push(socket);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return times;
}

async function close(count: number): Promise<readonly number[]> {
  for (const socket of woken.splice(-count)) {
    socket.destroy();
    await once(socket, "close");
  }
  return [];
}

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
server.listen(0, "127.0.0.1", () => tell((server.address() as AddressInfo).port));
await answerTasks<IdlersTask>(async (task) => {
  if (task.kind === "wake") return await wake(task.count);
  if (task.kind === "close") return await close(task.count);
  for (let left = task.count; left > 0; left -= AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, () => open(task)));
  }
  return [];
});
process.exit();
