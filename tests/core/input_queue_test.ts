import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, decodeUtf8, encodeUtf8, InputQueue } from "../../core/mod.ts";

const tooLong = () => new Error("too long");

/** The lines and chunks that a queue returns for bytes that are pushed in pieces of these sizes. */
function drained(bytes: Uint8Array, size: number, allFirst: boolean): string[] {
  const queue = new InputQueue();
  const got: string[] = [];
  const drain = () => {
    for (let line; (line = queue.takeLine(1e9, tooLong)) !== undefined;) got.push(decodeUtf8(line));
  };
  for (let at = 0; at < bytes.length; at += size) {
    queue.push(bytes.slice(at, at + size));
    if (!allFirst) drain();
  }
  drain();
  const rest: Uint8Array[] = [];
  for (let chunk; (chunk = queue.takeChunk()) !== undefined;) rest.push(chunk);
  assert.equal(queue.size, 0);
  return [...got, decodeUtf8(concat(rest))];
}

test("input queue › lines in any pieces › returned whole, the rest unchanged", () => {
  const text = fc.array(fc.constantFrom("\n", "\r\n", "\r", "a", "long ".repeat(700)), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 3000 }), fc.boolean(), (parts, size, allFirst) => {
      const text = parts.join("");
      assert.deepEqual(drained(encodeUtf8(text), size, allFirst), text.split(/\r?\n/));
    }),
    { numRuns: 300 },
  );
});

test("input queue › bytes put back › returned first", () => {
  for (const size of [1, 5, 2000]) {
    const queue = new InputQueue();
    const bytes = encodeUtf8("ab\ncd\n".repeat(500));
    for (let at = 0; at < bytes.length; at += size) queue.push(bytes.slice(at, at + size));
    assert.equal(decodeUtf8(queue.takeLine(10, tooLong)!), "ab");
    const chunk = queue.takeChunk()!;
    queue.untake(chunk.subarray(1));
    queue.push(encodeUtf8("the end"));
    assert.equal(queue.size, bytes.length - 3 - 1 + 7);
    assert.equal(decodeUtf8(queue.takeLine(10, tooLong)!), "d");
  }
});

test("input queue › a line over the limit › throws before its end", () => {
  const queue = new InputQueue();
  queue.push(encodeUtf8("12345"));
  assert.equal(queue.takeLine(5, tooLong), undefined);
  queue.push(encodeUtf8("6"));
  assert.throws(() => queue.takeLine(5, tooLong), /too long/);
});
