/**
 * Replies of 1 KiB, 1 MiB and 1 GiB, collected and streamed, in each framing, beside a bare socket that counts the
 * bytes. The server is scripted: it has the replies ready.
 *
 * @module
 */

import assert from "node:assert/strict";
import { encodeCommand } from "../core/doveadm/command.ts";
import { DoveadmConnection } from "../mod.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { BareDoveadm } from "./bare/bare_doveadm.ts";
import { isBufferShared } from "./bare/bare_socket.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { Program } from "./harness/program.ts";
import type { Goal } from "./harness/results.ts";
import { type Minor, ReplyWire } from "./peers/reply_wire.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** How far a streamed reply may raise memory, in MiB. */
const MOST_MEMORY = 32;

/** How each version frames replies, and what streaming a large one must reach. */
const FRAMINGS: Readonly<Record<Minor, { readonly name: string; readonly goal: Goal }>> = {
  0: { name: "not framed", goal: { least: 0.9, mostMemory: MOST_MEMORY } },
  2: { name: "in packets", goal: { least: 0.8, mostMemory: MOST_MEMORY } },
  4: { name: "in the stream format", goal: { least: 0.8, mostMemory: MOST_MEMORY } },
};

/** Bare programs that do what nobody can do without who finds the ends of values, and who gives chunks away. */
const LOOKING = "bare socket that looks for escapes";
const KEEPING = `${LOOKING}, new buffers`;

/** Replies of one size. */
interface Replies {
  readonly name: string;
  readonly size: number;
  /** How many there are in a turn. */
  readonly times: number;
  /** Whether they may be collected in memory. */
  readonly isCollected: boolean;
  readonly seconds: number;
  /** The part of these to warm up. */
  readonly warmUp?: number;
}

async function compare(
  run: Run,
  path: string,
  [minor, { name, size, times, isCollected, ...duration }]: readonly [Minor, Replies],
): Promise<void> {
  const command = { name: "fetch", user: "user0", args: ["text", String(size)] };
  const address = { transport: "unix", path } as const;
  const line = encodeCommand(command);
  using bare = await BareDoveadm.open(address, { minor });
  using looking = await BareDoveadm.open(address, { minor, looksForEscapes: true });
  using keeping = isBufferShared
    ? await BareDoveadm.open(address, { minor, looksForEscapes: true, hasNewBuffers: true })
    : undefined;
  await using connection = await DoveadmConnection.open(await connectTransport(address), {
    ...{ maxMinor: minor, timeout: 0 },
  });
  // The first reply has the header as well.
  const wire = new ReplyWire(minor);
  const first = wire.sizeOfReply(size);
  for (const socket of [bare, looking, keeping]) await socket?.send(line, { bytes: first });
  const bytes = wire.sizeOfReply(size);
  const framing = FRAMINGS[minor];
  const read = (socket: BareDoveadm) => async () => {
    for (let time = 0; time < times; time++) await socket.send(line, { bytes });
  };
  const stream = async (options: { readonly reuseBuffer?: boolean }) => {
    for (let time = 0; time < times; time++) {
      let taken = 0;
      for await (const field of connection.stream(command, options)) {
        for await (const chunk of field) taken += chunk.length;
      }
      assert.equal(taken, size);
    }
  };
  await run.compare({
    name: `replies of ${name}, ${framing.name}`,
    ...{ amount: size * times / MIB, unit: "MiB", ...duration },
    ways: {
      "bare socket": read(bare),
      ...(isCollected
        ? {
          async "collected"() {
            for (let time = 0; time < times; time++) {
              const { fields } = await connection.send(command);
              assert.equal(fields[0].length, size);
            }
          },
        }
        : {}),
      "streamed": () => stream({}),
      ...(isCollected ? {} : {
        [LOOKING]: read(looking),
        ...(keeping === undefined ? {} : { [KEEPING]: read(keeping) }),
        "streamed, reuseBuffer": () => stream({ reuseBuffer: true }),
      }),
    },
    goals: isCollected ? {} : {
      "streamed": { ...framing.goal, limit: keeping === undefined ? LOOKING : KEEPING },
      "streamed, reuseBuffer": { ...framing.goal, limit: LOOKING },
    },
  });
}

async function allSizes(run: Run): Promise<void> {
  await using server = new Program(new URL("peers/scripted.ts", import.meta.url), {
    runtime: run.commands.node,
  });
  const path: string = await server.next();
  const sizes: readonly Replies[] = [
    { name: "1 KiB", size: KIB, times: run.size(1_000, 2), isCollected: true, seconds: 1 },
    { name: "1 MiB", size: MIB, times: run.size(50, 1), isCollected: true, seconds: 1 },
    {
      ...{ name: "1 GiB", size: run.size(GIB, 2 * MIB), times: 1 },
      // One of them is long enough to be compiled for.
      ...{ isCollected: false, seconds: 3, warmUp: 0 },
    },
  ];
  for (const minor of [0, 2, 4] as const) {
    for (const replies of sizes) await compare(run, path, [minor, replies]);
  }
}

/** The bench. */
export const bench: Bench = { title: "Replies of any size", parts: { allSizes } };
