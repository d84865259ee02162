import assert from "node:assert/strict";
import { test } from "node:test";
import type { SweepProgress } from "../../sweep/mod.ts";
import { AbortError } from "../../core/mod.ts";
import { sweep } from "../../sweep/mod.ts";
import { ProgressTeller } from "../../sweep/sweep_progress.ts";
import { VirtualClock } from "../harness/virtual_clock.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { all, MemoryJournal, names, slowly } from "./memory_journal.ts";

test("sweep, progress › ten users a second, then twenty › has the rate of the last half minute, and what is left", async () => {
  const clock = new VirtualClock();
  const told: SweepProgress[] = [];
  let done = 1000;
  const teller = new ProgressTeller({
    ...{ clock, interval: 1000, listener: (progress) => told.push(progress) },
    counts: () => ({ done, total: 5000, failed: 3, skipped: 1000, running: 20 }),
  });
  teller.start();
  for (let second = 0; second < 100; second++) {
    done += second < 50 ? 10 : 20;
    await clock.advance(1000);
  }
  teller.stop();
  assert.equal(told.length, 101);
  assert.deepEqual(told[9], {
    ...{ done: 1100, total: 5000, failed: 3, skipped: 1000, running: 20 },
    ...{ rate: 10, timeLeft: 390_000 },
  });
  assert.equal(Math.round(told[64].rate), 15);
  assert.equal(told[99].rate, 20);
  assert.equal(clock.timers, 0);
});

test("sweep, progress › at the end › is told once more, with what earlier runs did", async () => {
  await leavingNothing(async () => {
    const told: SweepProgress[] = [];
    const journal = new MemoryJournal();
    const options = { journal, onProgress: (progress: SweepProgress) => told.push(progress) };
    for await (const { index } of sweep(names(10), () => {}, options)) if (index === 3) break;
    assert.equal(told.length, 1);
    await all(sweep(names(10), () => {
      throw new Error("no");
    }, options));
    const { done, failed, total, running, skipped, timeLeft } = told.at(-1)!;
    assert.deepEqual({ done, total, running, timeLeft }, {
      done: 10,
      total: 10,
      running: 0,
      timeLeft: 0,
    });
    assert(skipped > 0 && skipped < 10, `${skipped}`);
    assert.equal(failed, 10 - skipped);
  });
});

test("sweep, progress › aborted before it has found where it stopped › counts nobody as done", async () => {
  const journal = new MemoryJournal();
  for await (const { index } of sweep(names(10), () => {}, { journal })) if (index === 3) break;
  const told: SweepProgress[] = [];
  const onProgress = (progress: SweepProgress) => told.push(progress);
  const options = { journal, onProgress, signal: AbortSignal.abort() };
  await assert.rejects(all(sweep(names(10), () => assert.fail(), options)), AbortError);
  assert.deepEqual(told.map(({ done, skipped }) => [done, skipped]), [[0, 0]]);
});

test("sweep, progress › how many there are › is known of arrays, by the option, and at the end", async () => {
  const totals = async (input: Iterable<string> | AsyncIterable<string>, total?: number) => {
    const seen: (number | undefined)[] = [];
    const onProgress = ({ total }: SweepProgress) => seen.push(total);
    const work = () => new Promise((resolve) => setTimeout(resolve, 4));
    await all(sweep(input, work, { onProgress, total, progressInterval: 1, concurrency: 1 }));
    return [seen[0], seen.at(-1)];
  };
  assert.deepEqual(await totals(names(3)), [3, 3]);
  assert.deepEqual(await totals(slowly(names(3))), [undefined, 3]);
  assert.deepEqual(await totals(slowly(names(3)), 4), [4, 3]);
});
