/**
 * Very many connections at once to a server of ours: opening all of them and running a command on each; and what one
 * takes in memory.
 *
 * @module
 */

import { encodeCommand } from "../core/doveadm/command.ts";
import { DoveadmConnection } from "../mod.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { BareDoveadm } from "./bare/bare_doveadm.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { settledMemory } from "./harness/memory.ts";
import { Program } from "./harness/program.ts";

const list = { name: "mailbox list", user: "user0" } as const;

/** How many connections are opened at a time, which a listener's queue takes on any system. */
const AT_ONCE = 100;

/** A connection of some kind, that has run a command. */
interface Open {
  readonly close: () => unknown;
}

type Opener = (path: string) => Promise<Open>;

const openers: Readonly<Record<"bare sockets" | "DoveadmConnection", Opener>> = {
  async "bare sockets"(path) {
    const bare = await BareDoveadm.open({ transport: "unix", path });
    await bare.run(encodeCommand(list), 1);
    return { close: () => bare[Symbol.dispose]() };
  },
  async "DoveadmConnection"(path) {
    const transport = await connectTransport({ transport: "unix", path });
    const connection = await DoveadmConnection.open(transport);
    await connection.send(list);
    return { close: () => connection.close() };
  },
};

async function openMany(open: Opener, path: string, count: number): Promise<readonly Open[]> {
  const all: Open[] = [];
  while (all.length < count) {
    const next = Math.min(AT_ONCE, count - all.length);
    all.push(...await Promise.all(Array.from({ length: next }, () => open(path))));
  }
  return all;
}

async function manyConnections(run: Run): Promise<void> {
  await using server = new Program(new URL("peers/embedded.ts", import.meta.url));
  const path: string = await server.next();
  const count = run.size(1_000, 3);
  await run.compare({
    name: "opened, with a command on each",
    ...{ amount: count, unit: "connections" },
    ways: Object.fromEntries(
      Object.entries(openers).map(([name, open]) => [name, async (watch) => {
        const all = await openMany(open, path, count);
        watch.stop();
        await Promise.all(all.map(({ close }) => close()));
      }]),
    ),
  });
  for (const [name, open] of Object.entries(openers)) {
    const turns = run.size(5, 1);
    const before = await settledMemory({ turns });
    const all = await openMany(open, path, count);
    const { resident } = await settledMemory({ turns });
    run.record({
      name: `${name}, memory for one of ${count}`,
      value: (resident - before.resident) / count,
      unit: "KiB",
    });
    await Promise.all(all.map(({ close }) => close()));
  }
}

/** The bench. */
export const bench: Bench = { title: "A thousand connections", parts: { manyConnections } };
