import assert from "node:assert/strict";
import { test } from "node:test";
import { fromByteString, toByteString } from "../../core/byte_string.ts";

test("byte strings › of all values, and more than become text at once › come back", () => {
  for (const size of [0, 1, 256, 8191, 8192, 8193, 100_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, at) => at % 251 + at % 5);
    const text = toByteString(bytes);
    assert.equal(text.length, size);
    assert.deepEqual(fromByteString(text), bytes);
  }
  const all = Uint8Array.from({ length: 256 }, (_, at) => at);
  assert.deepEqual(fromByteString(toByteString(all)), all);
});
