/**
 * A server that lets everybody in and idles, on Node: prints its port.
 *
 * @module
 */

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";

const CAPABILITIES = "IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+ AUTH=PLAIN";

/** What to say to a command. */
function answer(line: string): string {
  const [, tag, name] = /^(\S+) (\w+)/.exec(line) ?? [];
  switch (name) {
    case "IDLE":
      return "+ idling\r\n";
    case "ID":
      return `* ID ("name" "scripted")\r\n${tag} OK Done.\r\n`;
    default:
      return `${tag} OK [CAPABILITY ${CAPABILITIES}] Done.\r\n`;
  }
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
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.stdin.on("end", () => process.exit()).resume();
