/**
 * When the driver hands chunks back to its transport.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, Setup, text, turn } from "./driver_setup.ts";

test("mayRecycle › a chunk whose events are over › is handed back if nothing refers to it", async () => {
  for (
    const [answer, holdsInput, expected] of [
      [() => true, false, ["one", "two"]],
      [() => Promise.resolve(true), false, ["one", "two"]],
      [() => false, false, []],
      [() => Promise.resolve(false), false, []],
      [() => true, true, []],
      [() => true, undefined, []],
      [undefined, false, []],
    ] as const
  ) {
    const recycled: string[] = [];
    const setup = new Setup({
      mayRecycle: answer,
      change: (transport) =>
        changed(transport, { recycle: (chunk) => void recycled.push(text(chunk)) }),
    });
    Object.assign(setup.protocol, { holdsInput });
    const running = setup.driver.run();
    for (const word of ["one", "two"]) {
      await setup.say(word);
      await turn();
    }
    await setup.peer.closeWrite();
    await running;
    assert.deepEqual(recycled, expected, `${answer}, ${holdsInput}`);
    assert.deepEqual(setup.passed, ["one", "two", "end"]);
  }
});

test("mayRecycle › a promise that is pending › nothing more is read, but output is written", async () => {
  let reads = 0;
  let answer!: (may: boolean) => void;
  const setup = new Setup({
    mayRecycle: () => new Promise((resolve) => answer = resolve),
    change: (transport) =>
      changed(transport, {
        read: () => (reads++, transport.read()),
        recycle: () => {},
      }),
  });
  Object.assign(setup.protocol, { holdsInput: false });
  const running = setup.driver.run();
  await setup.say("one");
  await turn();
  await setup.say("two");
  setup.protocol.send("output");
  void setup.driver.flush();
  assert.equal(await setup.hear(), "output");
  await turn();
  assert.equal(reads, 1);
  answer(true);
  await turn();
  assert.deepEqual(setup.passed, ["one", "two"]);
  answer(false);
  await setup.peer.closeWrite();
  await running;
});

test("mayRecycle › throws, or rejects › run() rejects with that", async () => {
  const failure = new Error("no");
  for (
    const mayRecycle of [
      () => {
        throw failure;
      },
      () => Promise.reject(failure),
    ]
  ) {
    const setup = new Setup({
      mayRecycle,
      change: (transport) => changed(transport, { recycle: () => {} }),
    });
    Object.assign(setup.protocol, { holdsInput: false });
    const running = setup.driver.run();
    await setup.say("one");
    await assert.rejects(running, failure);
  }
});
