import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLostError, DovewireError, TimeoutError } from "../../mod.ts";
import { sweep } from "../../sweep/mod.ts";
import { resultsOf } from "../../sweep/sweep.ts";
import { checkSweepOptions, type SweepOptions, type SweepWork } from "../../sweep/sweep_options.ts";
import { SweepRun } from "../../sweep/sweep_run.ts";
import type { SweepResult } from "../../sweep/mod.ts";
import { VirtualClock } from "../harness/virtual_clock.ts";
import { all } from "./memory_journal.ts";

/** A sweep whose time a test moves. */
function sweepAt<Value>(
  clock: VirtualClock,
  work: SweepWork<Value>,
  options: SweepOptions = {},
): AsyncGenerator<SweepResult<Value>> {
  const checked = checkSweepOptions({ idempotent: true, ...options });
  return resultsOf(new SweepRun(["alice"], work, { ...checked, clock, random: () => 0.999 }));
}

const lost = new ConnectionLostError("It was lost.", { sent: true });

test("sweep, idempotent › a failure that passes › the work is tried again, later each time", async () => {
  const clock = new VirtualClock();
  const tries: number[] = [];
  const results = all(sweepAt(clock, (_, { attempt }) => {
    tries.push(clock.now());
    if (attempt < 4) throw [lost, new TimeoutError("command", "It took long."), lost][attempt - 1];
    return attempt;
  }));
  await clock.advance(20_000);
  assert.deepEqual(await results, [{ ok: true, user: "alice", index: 0, value: 4 }]);
  assert.deepEqual(tries.map((at) => Math.round(at / 100)), [0, 10, 30, 70]);
  assert.equal(clock.timers, 0);
});

test("sweep, idempotent › a failure that lasts through all retries › is the result", async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const results = all(sweepAt(clock, () => {
    tries++;
    throw lost;
  }, { retries: 2 }));
  await clock.advance(10_000);
  assert.deepEqual(await results, [{
    ok: false,
    user: "alice",
    index: 0,
    error: lost,
    sent: true,
  }]);
  assert.equal(tries, 3);
});

test("sweep › other failures, and work that isn't idempotent › are never tried again", async () => {
  for (const [idempotent, error] of [[true, new DovewireError("no")], [false, lost]] as const) {
    let tries = 0;
    const work = () => {
      tries++;
      throw error;
    };
    const [result] = await all(sweep(["alice"], work, { idempotent }));
    assert.equal(result.ok, false);
    assert.equal(tries, 1);
  }
});

test("sweep, idempotent › aborted while it waits for a retry › ends at once", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const work = () => {
    throw lost;
  };
  const results = all(sweepAt(clock, work, { signal: controller.signal }));
  const failed = assert.rejects(results, { name: "AbortError" });
  await clock.advance(10);
  assert.equal(clock.timers, 1);
  controller.abort();
  await failed;
  assert.equal(clock.timers, 0);
});
