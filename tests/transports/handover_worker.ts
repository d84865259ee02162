/**
 * A worker of a supervisor. Its arguments are a folder, in which it notes its process id, and what each process does
 * that is started one after the other.
 */

import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { HandoverWorker } from "../../transports/handover/mod.ts";

const [, , folder, modes] = process.argv;
const starts = join(folder, "starts");
appendFileSync(starts, `${process.pid}\n`);
const started = readFileSync(starts, "utf8").trim().split("\n").length;
const mode = modes.split(",")[started - 1];

if (mode === "fails") process.exit(1);
const worker = new HandoverWorker();
let [connections, asked] = [0, 0];
if (mode !== "hangs") {
  worker.serve({
    form: "none",
    get connections() {
      return connections;
    },
    release() {
      // A connection that can't move until it has been asked for often.
      if (++asked === 20) connections = 0;
      return undefined;
    },
    adopt() {},
    close: () => Promise.resolve(),
  });
  for (let client; (client = await worker.listener.accept()) !== undefined;) {
    if (mode === "dies") process.exit(1);
    connections++;
    await client.write(new TextEncoder().encode(`${started}`));
  }
}
