import assert from "node:assert/strict";
import { test } from "node:test";
import { NumberedQueue } from "../../core/numbered_queue.ts";

test("numbered queue › items are removed in any order › numbers go on counting up", () => {
  const queue = new NumberedQueue<string>();
  assert.equal(queue.last, 0);
  assert.deepEqual([queue.push("a"), queue.push("b")], [1, 2]);
  queue.delete(1);
  queue.delete(2);
  assert.equal(queue.first, undefined);
  assert.equal(queue.push("c"), 3);
  assert.equal(queue.last, 3);
  assert.equal(queue.first, "c");
});

test("numbered queue › what was removed or never added › isn't found", () => {
  const queue = new NumberedQueue<string>();
  queue.push("a");
  queue.push("b");
  queue.delete(1);
  for (const number of [-1, 0, 1, 3, 1.5, NaN]) {
    assert.equal(queue.get(number), undefined);
    queue.delete(number);
  }
  assert.deepEqual([...queue], ["b"]);
});

test("numbered queue › an item in the middle is removed › the others stay", () => {
  const queue = new NumberedQueue<string>();
  for (const item of ["a", "b", "c"]) queue.push(item);
  queue.delete(2);
  assert.deepEqual([queue.get(1), queue.get(2), queue.get(3)], ["a", undefined, "c"]);
  queue.delete(1);
  assert.equal(queue.first, "c");
});

test("numbered queue › removals during an iteration › the iteration goes on", () => {
  const queue = new NumberedQueue<number>();
  for (let item = 1; item <= 100; item++) queue.push(item);
  const seen: number[] = [];
  for (const item of queue) {
    seen.push(item);
    queue.delete(item);
  }
  assert.equal(seen.length, 100);
  assert.deepEqual([...queue], []);
});

test("numbered queue › any mix of pushes and removals › as with a map", () => {
  const queue = new NumberedQueue<number>();
  const map = new Map<number, number>();
  let seed = 1;
  const random = (below: number) => (seed = seed * 48271 % 0x7fff_ffff) % below;
  for (let step = 0; step < 20_000; step++) {
    // Grows to some hundred items and shrinks to none, several times.
    const grows = step % 2000 < 1200;
    if (random(10) < (grows ? 7 : 2)) map.set(queue.push(step), step);
    else {
      const [oldest = 1] = map.keys();
      const number = oldest + (random(4) === 0 ? random(5) : 0);
      queue.delete(number);
      map.delete(number);
    }
    assert.equal(queue.first, map.values().next().value);
    const number = random(queue.last + 2);
    assert.equal(queue.get(number), map.get(number));
    if (step % 500 === 0) assert.deepEqual([...queue], [...map.values()]);
  }
});
