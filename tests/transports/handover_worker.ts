/**
 * A worker of a supervisor, which says to each client how many were started before it and with it, and then what the client
 * says. Its arguments are a folder, in which it notes its process id, and what each process does that is started one
 * after the other.
 */

import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { encodeUtf8 } from "../../core/bytes.ts";
import { HandoverWorker, type Transport } from "../../transports/handover/mod.ts";

const [, , folder, modes] = process.argv;
const starts = join(folder, "starts");
appendFileSync(starts, `${process.pid}\n`);
const started = readFileSync(starts, "utf8").trim().split("\n").length;
const mode = modes.split(",")[started - 1];

if (mode === "fails") process.exit(1);
// Dies with the client in hand, that is the so-and-so-many-th, before it hears that it may have it.
if (mode.startsWith("dies at ")) {
  let left = Number(mode.slice("dies at ".length));
  process.on("message", (_message, socket) => {
    if (socket != undefined && --left === 0) process.kill(process.pid, "SIGKILL");
  });
}
const worker = new HandoverWorker();
let [connections, asked] = [0, 0];
const clients = new Set<Transport>();
if (mode !== "hangs") {
  worker.serve({
    form: "none",
    get connections() {
      return connections;
    },
    release() {
      // A connection that can't move until it has been asked for often, or ever.
      if (++asked === 20 && mode !== "keeps") connections = 0;
      return undefined;
    },
    adopt() {},
    async close() {
      for (const client of clients) await client.close();
    },
  });
  for (let client; (client = await worker.listener.accept()) !== undefined;) {
    if (mode === "dies") process.exit(1);
    connections++;
    clients.add(client);
    void answer(client);
  }
}

async function answer(client: Transport): Promise<void> {
  await client.write(encodeUtf8(`${started}`));
  for (let chunk; (chunk = await client.read()) !== undefined;) await client.write(chunk);
  await client.close();
}
