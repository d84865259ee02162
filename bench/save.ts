/**
 * Saving a mail of 1 GiB, beside a bare socket that writes bytes which are ready. The server is scripted: it throws
 * the mail away.
 *
 * @module
 */

import { encodeCommand } from "../core/doveadm/command.ts";
import { connect, DoveadmConnection } from "../mod.ts";
import { encodeUtf8 } from "../core/mod.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { BareDoveadm } from "./bare/bare_doveadm.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { Program } from "./harness/program.ts";

const MIB = 2 ** 20;

/** The least ratio, and how far memory may rise, in MiB. */
const GOAL = { least: 0.9, mostMemory: 32 };

/** A part of a mail, of whole lines. */
const PIECE = encodeUtf8(`${"x".repeat(76)}\r\n`.repeat(840));

const save = { name: "save", user: "user0", args: ["-m", "INBOX"] };

/** The mail in pieces. */
function* mail(pieces: number): Generator<Uint8Array> {
  for (let piece = 0; piece < pieces; piece++) yield PIECE;
}

async function largeMail(run: Run): Promise<void> {
  await using server = new Program(new URL("peers/scripted.ts", import.meta.url), {
    runtime: run.commands.node,
  });
  const path: string = await server.next();
  const address = { transport: "unix", path } as const;
  const pieces = Math.round(run.size(1024, 2) * MIB / PIECE.length);
  using bare = await BareDoveadm.open(address);
  await using connection = await DoveadmConnection.open(await connectTransport(address), {
    ...{ maxMinor: 0, timeout: 0 },
  });
  await using doveadm = connect({ path }, { maxMinor: 0, timeout: 0 });
  await run.compare({
    name: "a mail of 1 GiB",
    ...{ amount: pieces * PIECE.length / MIB, unit: "MiB" },
    ways: {
      async "bare socket"() {
        await bare.write(encodeCommand(save));
        for (const piece of mail(pieces)) await bare.write(piece);
        await bare.send(encodeUtf8("\r\n.\r\n"), { lines: 2 });
      },
      "DoveadmConnection": () => connection.send({ ...save, input: mail(pieces) }),
      "Doveadm.send": () => doveadm.send({ ...save, input: mail(pieces) }),
    },
    goals: { "DoveadmConnection": GOAL, "Doveadm.send": GOAL },
  });
}

/** The bench. */
export const bench: Bench = { title: "Saving a large mail", parts: { largeMail } };
