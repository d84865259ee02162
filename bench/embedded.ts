/**
 * Small commands on a server of ours that has nothing to do, so that no real work hides what a client costs: by a
 * bare socket, a connection, the client.
 *
 * @module
 */

import type { Bench, Run } from "./harness/bench.ts";
import { Program } from "./harness/program.ts";
import { Callers, goalsOf, type SmallCommand } from "./peers/callers.ts";

const connection = { least: 0.8 };
const goals = goalsOf({ connection, client: { least: 0.6 } });

async function smallCommands(run: Run): Promise<void> {
  await using server = new Program(new URL("peers/embedded.ts", import.meta.url));
  const path: string = await server.next();
  const amount = run.size(10_000, 5);
  const list: SmallCommand = { name: "mailbox list", user: "user0" };
  {
    await using callers = await Callers.open(path, 1);
    await run.compare({
      name: "one after the other",
      ...{ amount, unit: "commands", goals },
      ways: callers.oneByOne([list], amount),
    });
    await run.compare({
      name: "pipelined",
      ...{ amount, unit: "commands", goals: goalsOf({ connection }) },
      ways: callers.pipelined(list, amount),
    });
  }
  const count = run.size(64, 2);
  await using callers = await Callers.open(path, count);
  const commands = Array.from({ length: count }, (_, at) => ({ ...list, user: `user${at}` }));
  const each = Math.ceil(amount / count);
  await run.compare({
    name: `${count} callers`,
    ...{ amount: each * count, unit: "commands", goals },
    ways: callers.oneByOne(commands, each),
  });
}

/** The bench. */
export const bench: Bench = {
  title: "Small commands on a server that has nothing to do",
  parts: { smallCommands },
};
