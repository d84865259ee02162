/**
 * Servers on this runtime, beside a bare one that answers each line with the same bytes: `serve` with an answer that
 * is ready, and the stand-in. A bare client in another process writes all commands at once; CPU and memory are the
 * servers'.
 *
 * @module
 */

import { serve } from "../doveadm/server/mod.ts";
import { encodeUtf8 } from "../core/mod.ts";
import { startMailServer } from "../testing/mod.ts";
import { listen, temporaryFolder } from "../tests/harness/sockets.ts";
import type { Address } from "../transports/transport.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { Program } from "./harness/program.ts";
import type { Way } from "./harness/turns.ts";
import { FIELDS } from "./peers/embedded.ts";
import type { LoadTask } from "./peers/load.ts";

const greeting = encodeUtf8("+\n");
const reply = encodeUtf8(`${FIELDS.map((field) => `${field}\t`).join("")}\n+\n`);

/** Starts a server that counts lines. */
function serveBare(): ReturnType<typeof listen> {
  return listen("unix", (socket) => {
    let isGreeted = false;
    socket.on("data", (chunk) => {
      let lines = 0;
      for (const byte of chunk) if (byte === 0x0a) lines++;
      if (!isGreeted) {
        socket.write(greeting);
        lines--;
        isGreeted = true;
      }
      for (; lines > 0; lines--) socket.write(reply);
    });
  });
}

async function commands(run: Run): Promise<void> {
  await using folder = await temporaryFolder();
  const path = (name: string) => ({ path: `${folder.path}/${name}` });
  const mails = Array.from({ length: 10 }, (_, at) => `Subject: Mail ${at}\n\nHello.\n`);
  const users = { user0: { mailboxes: { INBOX: mails, Sent: [] } } };
  await using bare = await serveBare();
  await using constant = await serve(path("constant"), () => FIELDS);
  await using standIn = await startMailServer({ users, place: path("stand-in") });
  await using load = new Program(new URL("peers/load.ts", import.meta.url), {
    runtime: run.commands.node,
  });
  const times = run.size(10_000, 3);
  const loading = (address: Address, command: LoadTask["command"]): Way => async (watch) =>
    watch.took(await load.ask({ address, command, times } satisfies LoadTask));
  const list = { name: "mailbox list", user: "user0" };
  const fetch = { name: "fetch", user: "user0", args: ["uid hdr.subject", "mailbox", "INBOX"] };
  await run.compare({
    name: "pipelined commands",
    ...{ amount: times, unit: "commands", seconds: 5 },
    ways: {
      "a bare server, mailbox list": loading(bare.address, list),
      "serve, mailbox list": loading(constant.address, list),
      "the stand-in, mailbox list": loading(standIn.address, list),
      "the stand-in, quota get": loading(standIn.address, { name: "quota get", user: "user0" }),
      "the stand-in, fetch of 10 mails": loading(standIn.address, fetch),
    },
  });
}

/** The bench. */
export const bench: Bench = { title: "Servers of our own", parts: { commands } };
