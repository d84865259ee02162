import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedTimers } from "../../transports/shared_timers.ts";
import { HeldTimers } from "../harness/held_timers.ts";

const minute = 60_000;

test("SharedTimers › many that end within a minute › share some timers of the runtime's, and all are called", () => {
  using held = new HeldTimers((delay) => delay > 1000);
  const timers = new SharedTimers();
  const now = performance.now();
  const called = new Set<number>();
  for (let at = 0; at < 10_000; at++) {
    timers.start(now + minute + at * 6, () => called.add(at));
  }
  assert(timers.size > 10 && timers.size < 150, `${timers.size}`);
  assert.equal(held.count, timers.size);
  held.fire();
  assert.equal(called.size, 10_000);
  assert.equal(timers.size, 0);
});

test("SharedTimers › any delay › is kept, with a 64th and a second more at most", () => {
  for (const delay of [-5, 0, 0.5, 1, 63, 64, 1000, minute, 60 * minute, 2 ** 40]) {
    const delays: number[] = [];
    using held = new HeldTimers((delay) => delays.push(delay) > 0);
    const before = performance.now();
    new SharedTimers().start(before + delay, () => {});
    const passed = performance.now() - before;
    assert.equal(held.count, 1);
    // The longest are waited for in steps.
    if (delay > 2 ** 31) continue;
    const most = Math.max(delay, 0) + Math.min(1024, Math.max(1, delay / 64)) + 1;
    assert(delays[0] >= delay - passed && delays[0] <= most, `${delay}: ${delays[0]}`);
  }
});

test("SharedTimers › all of a timer's are stopped › the runtime's is, too", () => {
  using held = new HeldTimers((delay) => delay > 1000);
  const timers = new SharedTimers();
  const time = performance.now() + minute;
  const stopped = () => assert.fail("called");
  let calls = 0;
  const other = () => calls++;
  const timer = timers.start(time, stopped);
  assert.equal(timers.start(time, other), timer);
  timer.stop(stopped);
  timer.stop(stopped);
  assert.equal(held.count, 1);
  timer.stop(other);
  assert.deepEqual([held.count, timers.size], [0, 0]);
  timers.start(time, other);
  held.fire();
  assert.equal(calls, 1);
});

test("SharedTimers › a callback stops another, and starts itself anew › both hold", () => {
  using held = new HeldTimers((delay) => delay > 1000);
  const timers = new SharedTimers();
  const time = performance.now() + minute;
  const stopped = () => assert.fail("called");
  let calls = 0;
  const again = () => {
    calls++;
    timer.stop(stopped);
    timers.start(time, again);
  };
  const timer = timers.start(time, again);
  timers.start(time, stopped);
  held.fire();
  assert.deepEqual([calls, timers.size], [1, 1]);
  held.fire();
  assert.deepEqual([calls, timers.size], [2, 1]);
});

test("SharedTimers › no end › is never called", () => {
  using held = new HeldTimers(() => true);
  const timers = new SharedTimers();
  const callback = () => assert.fail("called");
  const timer = timers.start(Infinity, callback);
  assert.equal(held.count, 0);
  timer.stop(callback);
  assert.equal(timers.size, 0);
});
