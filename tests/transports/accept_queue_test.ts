import assert from "node:assert/strict";
import { test } from "node:test";
import { AcceptQueue } from "../../transports/accept_queue.ts";

/** A queue of words, and those that it discarded. */
function queueOfWords(): { readonly queue: AcceptQueue<string>; readonly discarded: string[] } {
  const discarded: string[] = [];
  return { queue: new AcceptQueue((client) => discarded.push(client)), discarded };
}

test("accept queue › clients before and after take() › are taken in their order", async () => {
  const { queue, discarded } = queueOfWords();
  queue.add("a");
  queue.add("b");
  assert.equal(await queue.take(), "a");
  assert.equal(await queue.take(), "b");
  const taking = [queue.take(), queue.take(), queue.take()];
  queue.add("c");
  queue.add("d");
  queue.add("e");
  queue.add("f");
  assert.deepEqual(await Promise.all(taking), ["c", "d", "e"]);
  assert.equal(await queue.take(), "f");
  assert.deepEqual(discarded, []);
});

test("accept queue › forget() › that client is not taken, a missing one is ignored", async () => {
  const { queue, discarded } = queueOfWords();
  for (const client of ["a", "b", "c"]) queue.add(client);
  queue.forget("a");
  queue.forget("missing");
  assert.equal(await queue.take(), "b");
  queue.forget("b");
  assert.equal(await queue.take(), "c");
  assert.deepEqual(discarded, []);
});

test("accept queue › close() › earlier and later clients are discarded, take() resolves with undefined", async () => {
  const full = queueOfWords();
  for (const client of ["a", "b"]) full.queue.add(client);
  full.queue.close();
  full.queue.close();
  full.queue.add("c");
  assert.deepEqual(full.discarded, ["a", "b", "c"]);
  assert.equal(await full.queue.take(), undefined);

  const empty = queueOfWords();
  const taking = [empty.queue.take(), empty.queue.take()];
  empty.queue.close();
  assert.deepEqual(await Promise.all(taking), [undefined, undefined]);
});
