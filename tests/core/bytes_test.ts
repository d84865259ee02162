import assert from "node:assert/strict";
import { test } from "node:test";
import { indexOfLineFeed, plainBytes } from "../../core/bytes.ts";
import { concat, encodeUtf8, LocalProtocolError, OutputQueue, quote } from "../../core/mod.ts";

test("bytes: line feeds near and far, and none outside the range", () => {
  for (const at of [0, 5, 95, 96, 97, 300]) {
    const bytes = new Uint8Array(400).fill(120);
    bytes[at] = 10;
    assert.equal(indexOfLineFeed(bytes, 0, 400), at);
    assert.equal(indexOfLineFeed(bytes, at, 400), at);
    assert.equal(indexOfLineFeed(bytes, 0, at), -1);
    assert.equal(indexOfLineFeed(bytes, at + 1, 399), -1);
    assert.equal(indexOfLineFeed(bytes, 0, 399), at);
  }
});

test("bytes: the output is in order, small pieces are joined, large ones aren't copied", () => {
  const queue = new OutputQueue();
  const large = new Uint8Array(100_000).fill(1);
  for (let at = 0; at < 3000; at++) queue.push(Uint8Array.of(at, at >> 8));
  queue.push(large);
  queue.push(encodeUtf8("end"));
  assert.equal(queue.take()!.length, 6000);
  assert.equal(queue.take(), large);
  assert.deepEqual(queue.take(), encodeUtf8("end"));
  assert.equal(queue.take(), undefined);
  assert.equal(queue.taken, queue.pushed);
});

test("bytes: a queue of many large pieces gives each of them once", () => {
  const queue = new OutputQueue();
  for (let at = 0; at < 2500; at++) queue.push(new Uint8Array(40_000).fill(at));
  for (let at = 0; at < 2500; at++) {
    if (at === 1500) queue.push(encodeUtf8("more"));
    const chunk = queue.take()!;
    assert.equal(chunk[0], at & 255);
    assert.equal(chunk.length, at === 2499 ? 40_004 : 40_000);
  }
  assert.equal(queue.take(), undefined);
});

test("bytes: quoting shows what can be shown, and only so much", () => {
  assert.equal(quote(encodeUtf8('a"\t\n\r\\\x01é')), '"a\\"\\t\\n\\r\\\\\\x01\\xc3\\xa9"');
  assert.match(quote(new Uint8Array(100)), /and 36 bytes more$/);
});

test("bytes: joining, and what is no bytes", () => {
  const only = encodeUtf8("only");
  assert.equal(concat([only]), only);
  assert.deepEqual(concat([]), new Uint8Array(0));
  assert.deepEqual(concat([only, only]), encodeUtf8("onlyonly"));
  assert.throws(() => plainBytes("text" as unknown as Uint8Array), LocalProtocolError);
  assert.throws(() => plainBytes(undefined as unknown as Uint8Array), LocalProtocolError);
});
