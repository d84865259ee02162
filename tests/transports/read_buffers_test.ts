import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadBuffers } from "../../transports/read_buffers.ts";

/** Reads which fill their buffers, and whose chunks come back or don't; returns the largest buffer. */
function largest(buffers: ReadBuffers, { comesBack }: { readonly comesBack: boolean }): number {
  let most = 0;
  for (let time = 0; time < 10; time++) {
    const buffer = buffers.take();
    most = Math.max(most, buffer.length);
    const chunk = buffers.chunkIn(buffer, buffer.length);
    if (comesBack) buffers.recycle(chunk);
  }
  return most;
}

test("read buffers › full ones › grow up to 64 KiB, and up to 256 KiB if they come back", () => {
  const buffers = new ReadBuffers();
  assert.equal(buffers.take().length, 512);
  assert.equal(largest(buffers, { comesBack: false }), 65_536);
  assert.equal(largest(buffers, { comesBack: true }), 262_144);
  assert.equal(largest(new ReadBuffers(), { comesBack: false }), 65_536);
});

test("read buffers › after a few small chunks › are small again", () => {
  const buffers = new ReadBuffers();
  largest(buffers, { comesBack: true });
  for (let time = 0; time < 10; time++) buffers.recycle(buffers.chunkIn(buffers.take(), 10));
  assert(buffers.take().length <= 2048);
});

test("read buffers › chunks of any size › share no memory, also while the next read waits", () => {
  const buffers = new ReadBuffers();
  const seen = new Set<ArrayBufferLike>();
  for (const part of [1, 0.3, 1, 0.24, 0.01, 0.5, 1, 1, 0.1, 0.25]) {
    const buffer = buffers.take();
    const size = Math.ceil(buffer.length * part);
    buffer.fill(seen.size, 0, size);
    const chunk = buffers.chunkIn(buffer, size);
    const next = buffers.take();
    assert.notEqual(chunk.buffer, next.buffer);
    assert(!seen.has(chunk.buffer), `${part}`);
    assert(chunk.length === size && chunk.every((byte) => byte === seen.size));
    seen.add(chunk.buffer);
  }
});

test("read buffers › a chunk that comes back › is read into again, once, and not if it was transferred", () => {
  const buffers = new ReadBuffers();
  largest(buffers, { comesBack: true });
  const buffer = buffers.take();
  const chunk = buffers.chunkIn(buffer, buffer.length);
  buffers.recycle(chunk);
  buffers.recycle(chunk);
  assert.equal(buffers.take().buffer, buffer.buffer);
  assert.notEqual(buffers.take().buffer, buffer.buffer);
  const other = buffers.take();
  const moved = buffers.chunkIn(other, other.length);
  structuredClone(moved, { transfer: [moved.buffer as ArrayBuffer] });
  buffers.recycle(moved);
  assert(buffers.take().length > 0);
});

test("read buffers › what isn't a chunk of a read › is never read into", () => {
  const buffers = new ReadBuffers();
  largest(buffers, { comesBack: false });
  const strange = new Uint8Array(262_144);
  buffers.recycle(strange);
  assert.notEqual(buffers.take().buffer, strange.buffer);
});
