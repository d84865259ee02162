import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import { Deadline, onAbort, startTimer, timeLimit } from "../../transports/timers.ts";
import { leavingNothing } from "../harness/leftovers.ts";

test("timeLimit › 0 and Infinity › no limit", () => {
  assert.equal(timeLimit("timeout", 0), Infinity);
  assert.equal(timeLimit("timeout", -0), Infinity);
  assert.equal(timeLimit("timeout", Infinity), Infinity);
  assert.equal(timeLimit("timeout", 0.5), 0.5);
  assert.equal(timeLimit("timeout", 2 ** 40), 2 ** 40);
});

for (const value of [NaN, -1, -Infinity, "5", null, undefined, {}, 5n, [5]]) {
  test(`timeLimit › ${typeof value} ${String(value)} › LocalProtocolError that names the option`, () => {
    assert.throws(() => timeLimit("idleTimeout", value as number), (error: Error) => {
      assert(error instanceof LocalProtocolError);
      return /"idleTimeout"/.test(error.message);
    });
  });
}

test("startTimer › longer than 31 bits › doesn't fire at once", async () => {
  await leavingNothing(async () => {
    let fired = false;
    const timers = [2 ** 31, 2 ** 40, Infinity].map((time) => startTimer(time, () => fired = true));
    await sleep(20);
    for (const timer of timers) timer.stop();
    assert.equal(fired, false);
  });
});

test("startTimer › a time that is over › fires, without a warning", async () => {
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown) => void warnings.push(warning);
  process.on("warning", onWarning);
  for (const delay of [0, -0.5, -1000, -Infinity]) {
    await new Promise<void>((resolve) => startTimer(delay, resolve));
  }
  process.off("warning", onWarning);
  assert.deepEqual(warnings, []);
});

test("onAbort › many callbacks on a signal › one listener, called in order", () => {
  const controller = new AbortController();
  const count = countListeners(controller.signal);
  const called: number[] = [];
  const forget = Array.from(
    { length: 1000 },
    (_, index) => onAbort(controller.signal, () => called.push(index)),
  );
  assert.deepEqual(count, { added: 1, removed: 0 });
  for (let index = 1; index < 1000; index += 2) forget[index]();
  controller.abort();
  assert.deepEqual(called, Array.from({ length: 500 }, (_, index) => index * 2));
});

test("onAbort › all callbacks forgotten › no listener is left, and another can be added", () => {
  const controller = new AbortController();
  const count = countListeners(controller.signal);
  let called = 0;
  for (let round = 1; round <= 3; round++) {
    const forget = onAbort(controller.signal, () => called++);
    forget();
    forget();
    assert.deepEqual(count, { added: round, removed: round });
  }
  onAbort(controller.signal, () => called++);
  controller.abort();
  assert.equal(called, 1);
});

test("onAbort › the same function twice › called twice", () => {
  const controller = new AbortController();
  let called = 0;
  const callback = () => void called++;
  onAbort(controller.signal, callback);
  onAbort(controller.signal, callback);
  controller.abort();
  assert.equal(called, 2);
});

test("onAbort › an aborted signal › called at once", () => {
  let called = 0;
  onAbort(AbortSignal.abort(), () => called++)();
  assert.equal(called, 1);
});

test("onAbort › forgotten by a callback before it › isn't called", () => {
  const controller = new AbortController();
  const called: string[] = [];
  onAbort(controller.signal, () => {
    called.push("first");
    forget();
  });
  const forget = onAbort(controller.signal, () => called.push("second"));
  controller.abort();
  assert.deepEqual(called, ["first"]);
});

test("Deadline › its time is over › each caller gets its error", async () => {
  await leavingNothing(async () => {
    const error = await new Promise<Error>((resolve) => {
      const deadline = new Deadline({ timeout: 5, errorOf, onEnd: resolve });
      const { signal } = deadline;
      signal.addEventListener("abort", () => assert.equal(signal.reason, deadline.error));
    });
    assert.equal(error.message, "time");
  });
});

test("Deadline › a signal aborts › its error names the signal, and the timer stops", async () => {
  await leavingNothing(async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const ends: Error[] = [];
    const deadline = new Deadline({
      timeout: 5,
      signals: [undefined, first.signal, second.signal],
      errorOf: (aborted) => new Error(aborted === second.signal ? "second" : "wrong"),
      onEnd: (error) => ends.push(error),
    });
    second.abort();
    first.abort();
    await sleep(20);
    assert.deepEqual(ends.map(({ message }) => message), ["second"]);
    assert.equal(deadline.signal.reason, ends[0]);
  });
});

test("Deadline › a signal that has aborted before › has ended from the start", () => {
  const ends: Error[] = [];
  const deadline = new Deadline({
    timeout: 1000,
    signals: [AbortSignal.abort(), new AbortController().signal],
    errorOf,
    onEnd: (error) => ends.push(error),
  });
  assert.equal(deadline.error, ends[0]);
  assert.equal(deadline.signal.aborted, true);
  assert.equal(ends.length, 1);
});

test("Deadline › stopped › nothing ends it, and no listener is left", async () => {
  await leavingNothing(async () => {
    const controller = new AbortController();
    const count = countListeners(controller.signal);
    const fail = () => assert.fail("it ended");
    const deadline = new Deadline({
      timeout: 5,
      signals: [controller.signal],
      errorOf,
      onEnd: fail,
    });
    deadline.stop();
    deadline.restart();
    controller.abort();
    await sleep(20);
    assert.equal(deadline.error, undefined);
    assert.deepEqual(count, { added: 1, removed: 1 });
  });
});

test("Deadline › paused › the time doesn't count until it is resumed", async () => {
  await leavingNothing(async () => {
    let ended = false;
    const deadline = new Deadline({ timeout: 30, errorOf, onEnd: () => ended = true });
    deadline.pause();
    const { left } = deadline;
    await sleep(60);
    assert.equal(ended, false);
    assert.equal(deadline.left, left);
    deadline.resume();
    assert(deadline.left <= left);
    while (!ended) await sleep(5);
  });
});

test("Deadline › restarted over and over › one timer, and ends after the last", async () => {
  await leavingNothing(async () => {
    let ended = false;
    const deadline = new Deadline({ timeout: 200, errorOf, onEnd: () => ended = true });
    for (let round = 0; round < 1000; round++) deadline.restart();
    const begun = performance.now();
    deadline.restart();
    while (!ended) await sleep(5);
    assert(performance.now() - begun >= 190);
  });
});

test("Deadline › no limit › Infinity is left", () => {
  const deadline = new Deadline({ timeout: Infinity, errorOf });
  deadline.pause();
  deadline.resume();
  assert.equal(deadline.left, Infinity);
  deadline.stop();
});

function errorOf(aborted: AbortSignal | undefined): Error {
  return new Error(aborted === undefined ? "time" : "aborted");
}

function sleep(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** Counts the listeners that are added to a signal and removed from it. */
function countListeners(signal: AbortSignal): { added: number; removed: number } {
  const count = { added: 0, removed: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    count.added++;
    add(...args);
  }) as typeof add;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    count.removed++;
    remove(...args);
  }) as typeof remove;
  return count;
}
