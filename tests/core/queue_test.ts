import assert from "node:assert/strict";
import { test } from "node:test";
import { Queue } from "../../core/mod.ts";

test("Queue › pushed and shifted › oldest first", () => {
  const queue = new Queue<number>();
  assert.equal(queue.shift(), undefined);
  for (let item = 0; item < 5; item++) queue.push(item);
  assert.equal(queue.first, 0);
  assert.deepEqual(drain(queue), [0, 1, 2, 3, 4]);
  assert.equal(queue.size, 0);
  queue.push(6);
  assert.deepEqual(drain(queue), [6]);
});

test("Queue › removed from any place › the others stay in order", () => {
  for (let gone = 0; gone < 4; gone++) {
    const queue = new Queue<number>();
    const remove = [0, 1, 2, 3].map((item) => queue.push(item));
    assert.equal(remove[gone](), true);
    assert.equal(remove[gone](), false);
    assert.equal(queue.size, 3);
    assert.deepEqual(drain(queue), [0, 1, 2, 3].filter((item) => item !== gone));
    for (const again of remove) assert.equal(again(), false);
    assert.equal(queue.size, 0);
  }
});

test("Queue › popped and iterated › newest first, and oldest first", () => {
  const queue = new Queue<number>();
  assert.equal(queue.pop(), undefined);
  const removes = [0, 1, 2, 3].map((item) => queue.push(item));
  assert.deepEqual([...queue], [0, 1, 2, 3]);
  assert.equal(queue.pop(), 3);
  assert.equal(removes[3](), false);
  for (const item of queue) if (item !== 1) removes[item]();
  assert.deepEqual([...queue], [1]);
  assert.equal(queue.pop(), 1);
  assert.deepEqual([...queue], []);
});

test("Queue › pushed, removed and shifted at random › as an array does it", () => {
  const queue = new Queue<number>();
  let items: { item: number; remove: () => boolean }[] = [];
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  for (let item = 0; item < 5000; item++) {
    const kind = random(5);
    if (kind < 2) items.push({ item, remove: queue.push(item) });
    else if (kind === 4) assert.equal(queue.pop(), items.pop()?.item);
    else if (kind === 2) assert.equal(queue.shift(), items.shift()?.item);
    else if (items.length > 0) {
      const [{ remove }] = items.splice(random(items.length), 1);
      assert.equal(remove(), true);
    }
    assert.equal(queue.size, items.length);
  }
  assert.deepEqual(drain(queue), items.map(({ item }) => item));
  items = [];
});

function drain<Item>(queue: Queue<Item>): Item[] {
  const items: Item[] = [];
  while (queue.size > 0) items.push(queue.shift()!);
  return items;
}
