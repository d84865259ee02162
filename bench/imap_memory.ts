/**
 * What a connection through the relay takes in memory while its client's command waits: live, and frozen, above two
 * bare sockets of the same runtime; and how long a frozen one takes to answer. The peers are on Node.
 *
 * @module
 */

import type { Bench, Run } from "./harness/bench.ts";
import type { Memory } from "./harness/memory.ts";
import { Program } from "./harness/program.ts";
import { spreadOf } from "./harness/spread.ts";
import type { HeldTask } from "./imap/held.ts";

/** The goals: KiB above bare sockets, live; the part of that, frozen; milliseconds until the answer of a frozen one. */
const MOST_LIVE = 24;
const MOST_FROZEN = 0.25;
const MOST_TIME = 5;

/** Holds connections in a process of their own; resolves to what one takes, or to how many milliseconds answers took. */
async function measure<Result extends Memory | readonly number[]>(
  run: Run,
  what: Pick<HeldTask, "kind" | "few" | "wakes">,
): Promise<Result> {
  const task: HeldTask = {
    ...what,
    node: run.commands.node,
    warmUp: run.size(500, 1),
    many: run.size(2_000, 4),
  };
  await using held = new Program(new URL("imap/held.ts", import.meta.url), { args: [task] });
  return await held.next();
}

/** The least time that is not below that part of all. */
function mostOf(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.ceil(part * sorted.length) - 1];
}

async function waiting(run: Run): Promise<void> {
  const few = run.size(500, 2);
  const bare = await measure<Memory>(run, { kind: "bare", few });
  let most = MOST_LIVE;
  for (const kind of ["live", "frozen"] as const) {
    const { anonymous, heap } = await measure<Memory>(run, { kind, few });
    const above = anonymous - bare.anonymous;
    run.record({ name: `${kind}, memory above bare sockets`, value: above, unit: "KiB", most });
    run.record({ name: `${kind}, heap above bare sockets`, value: heap - bare.heap, unit: "KiB" });
    const wakes = { few: run.size(1_000, 2), wakes: run.size(300, 1) };
    const times = await measure<readonly number[]>(run, { kind, ...wakes });
    const { median, max } = spreadOf(times);
    run.record({ name: `${kind}, until the answer, median`, value: median, unit: "ms" });
    run.record({
      ...{ name: `${kind}, until the answer, 99 of 100`, value: mostOf(times, 0.99), unit: "ms" },
      ...(kind === "frozen" ? { most: MOST_TIME } : {}),
    });
    // Whatever else the runtime does is in it: some answers meet it while it collects garbage.
    run.record({ name: `${kind}, until the answer, slowest`, value: max, unit: "ms" });
    most = above * MOST_FROZEN;
  }
}

/** The bench. */
export const bench: Bench = { title: "Memory while an IMAP command waits", parts: { waiting } };
