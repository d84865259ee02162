/**
 * Small commands on a real Dovecot 2.3, by one caller and by 64: a bare socket, a connection, the client.
 *
 * @module
 */

import type { Bench, Run } from "./harness/bench.ts";
import { Program } from "./harness/program.ts";
import { Stopwatch } from "./harness/stopwatch.ts";
import { Callers, goalsOf, type SmallCommand } from "./peers/callers.ts";
import { withUsers } from "./peers/dovecot.ts";

const connection = { least: 0.95, mostCpu: 1.3 };
const goals = goalsOf({ connection, client: { least: 0.95, mostCpu: 1.6 } });

/** The minor versions of Dovecot 2.3, which is measured, and of the newest one. */
const MINORS = [2, 4];

/** How long to compare, in seconds: a server's processes are slow, and the ratios close to 1. */
const seconds = 8;

const list: SmallCommand = { name: "mailbox list", user: "user0" };
const who: SmallCommand = { name: "who" };

/**
 * Runs each way many times on a server that answers at once, as a program has done that runs commands all day. A real
 * server is so slow that the runtimes would still compile in most of the rounds. They compile again where something is
 * new, such as a connection that ends, or another version of the protocol: both are to be known before.
 */
async function warmUp(run: Run): Promise<void> {
  for (const maxMinor of MINORS) {
    const args = [maxMinor];
    await using server = new Program(new URL("peers/embedded.ts", import.meta.url), { args });
    const path: string = await server.next();
    for (let time = 0; time < run.size(3, 1); time++) {
      await using callers = await Callers.open(path, 1);
      const ways = callers.oneByOne([list], run.size(2_500, 2));
      for (const way of Object.values(ways)) await way(new Stopwatch());
    }
  }
}

async function oneCaller(run: Run): Promise<void> {
  await withUsers(run, { count: 1 }, async ({ socket }) => {
    await using callers = await Callers.open(socket, 1);
    // A process that has served mail may not answer `who`, so that `who` comes first.
    for (const [command, amount] of [[who, run.size(500, 2)], [list, run.size(100, 2)]] as const) {
      const { name } = command;
      await run.compare({
        ...{ name: `${name}, one after the other`, amount, unit: "commands", goals, seconds },
        ways: callers.oneByOne([command], amount),
      });
    }
    const amount = run.size(100, 2);
    await run.compare({
      ...{ name: "mailbox list, pipelined", amount, unit: "commands", seconds },
      goals: goalsOf({ connection }),
      ways: callers.atOnce(list, amount),
    });
  });
}

async function manyCallers(run: Run): Promise<void> {
  const count = run.size(64, 2);
  const each = run.size(3, 1);
  await withUsers(run, { count, processLimit: 4 * count }, async ({ socket, users }) => {
    await using callers = await Callers.open(socket, count);
    const commands = users.map((user): SmallCommand => ({ name: "mailbox list", user }));
    await run.compare({
      name: `mailbox list, ${count} callers`,
      ...{ amount: count * each, unit: "commands", goals, seconds },
      ways: callers.oneByOne(commands, each),
    });
  });
}

/** The bench. */
export const bench: Bench = {
  title: "Small commands",
  parts: { warmUp, oneCaller, manyCallers },
};
