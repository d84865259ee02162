/**
 * A server that has large replies ready and throws inputs away, so that it takes as little time as possible: prints
 * the path of its UNIX socket first.
 *
 * It answers a `fetch` with one value, whose size is the last argument, and a `save` when its input is complete. Each
 * connection speaks the version that its client asks for.
 *
 * @module
 */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "../../tests/harness/sockets.ts";
import { answerTasks, tell } from "../harness/program.ts";
import { type Minor, ReplyWire } from "./reply_wire.ts";

const LINE = /^([^\n]*)\n/;
const INPUT_END = "\r\n.\r\n";

async function converse(socket: Socket): Promise<void> {
  let wire = new ReplyWire(0);
  let text = "";
  const more = async (chunks: AsyncIterator<Uint8Array>): Promise<string | undefined> => {
    const { value, done } = await chunks.next();
    return done ? undefined : new TextDecoder("latin1").decode(value);
  };
  const chunks: AsyncIterator<Uint8Array> = socket[Symbol.asyncIterator]();
  for (let chunk; (chunk = await more(chunks)) !== undefined;) {
    text += chunk;
    for (let line; (line = LINE.exec(text)) !== null;) {
      text = text.slice(line[0].length);
      const [first, , name, ...args] = line[1].split("\t");
      if (first === "VERSION") {
        const minor = Number(args[0]) as Minor;
        wire = new ReplyWire(minor);
        socket.write(minor === 0 ? "+\n" : `VERSION\tdoveadm-client\t1\t${minor}\n+\n`);
        continue;
      }
      if (name === "save") {
        // Only the end of the input can complete it.
        while (!text.endsWith(INPUT_END)) {
          const [{ length }, next] = [text, await more(chunks)];
          if (next === undefined) return;
          text = length > INPUT_END.length ? text.slice(-INPUT_END.length) + next : text + next;
        }
        text = "";
      }
      const size = name === "save" ? 0 : Number(args.at(-1));
      for (const piece of size === 0 ? [emptyReply] : wire.reply(size)) {
        if (!socket.write(piece)) await once(socket, "drain");
      }
    }
  }
}

/** Inputs are sent by version 0 alone. */
const emptyReply = new TextEncoder().encode("\n+\n");

await using folder = await temporaryFolder();
const path = join(folder.path, "socket");
const server = createServer((socket) => {
  // A client that is done closes, which is no error.
  converse(socket).catch(() => {}).finally(() => socket.destroy());
});
server.listen(path, () => tell(path));
await answerTasks(() => {});
server.close();
