import assert from "node:assert/strict";
import { test } from "node:test";
import { GatheredBytes, indexOfLineFeed, plainBytes } from "../../core/bytes.ts";
import { concat, encodeUtf8, LocalProtocolError, OutputQueue, quote } from "../../core/mod.ts";

test("indexOfLineFeed › line feeds anywhere, also outside the range › finds only those inside", () => {
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

test("output queue › small and large pieces › in order, small ones joined, large ones not copied", () => {
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

test("output queue › many large pieces › returns each once", () => {
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

test("quote › any bytes › shows printable ones, escapes others, limits the length", () => {
  assert.equal(quote(encodeUtf8('a"\t\n\r\\\x01é')), '"a\\"\\t\\n\\r\\\\\\x01\\xc3\\xa9"');
  assert.match(quote(new Uint8Array(100)), /and 36 more bytes$/);
});

test("gathered bytes › any pieces › one array with its own buffer", () => {
  const gathered = new GatheredBytes();
  const sizes = [1, 3, 16_384, 5, 40_000, 16_383, 2, 20_000, 0, 7];
  for (const pieces of [sizes, sizes.slice(2, 3), sizes.slice(0, 1), Array(40_000).fill(1)]) {
    const all: number[] = [];
    for (const size of pieces) {
      const chunk = Uint8Array.from({ length: size + 2 }, (_, at) => all.length + at);
      gathered.push(chunk, 1, size + 1);
      for (const byte of chunk.subarray(1, size + 1)) all.push(byte);
    }
    assert.equal(gathered.size, all.length);
    const taken = gathered.take();
    assert.deepEqual(taken, Uint8Array.from(all));
    assert.equal(taken.byteOffset, 0);
    assert.equal(gathered.size, 0);
  }
});

test("concat and plainBytes › arrays, and values that aren't bytes › joined, refused", () => {
  const only = encodeUtf8("only");
  assert.equal(concat([only]), only);
  assert.deepEqual(concat([]), new Uint8Array(0));
  assert.deepEqual(concat([only, only]), encodeUtf8("onlyonly"));
  assert.throws(() => plainBytes("text" as unknown as Uint8Array), LocalProtocolError);
  assert.throws(() => plainBytes(undefined as unknown as Uint8Array), LocalProtocolError);
});
