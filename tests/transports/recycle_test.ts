/**
 * Chunks that are handed back to this runtime's transports, over real sockets.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, listen, type Transport } from "../../transports/mod.ts";

/** Both ends of a TCP connection. */
async function pair(): Promise<[Transport, Transport, () => Promise<void>]> {
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  const [here, there] = await Promise.all([connect(listener.address), listener.accept()]);
  assert(there !== undefined);
  const close = async () => {
    for (const end of [here, there, listener]) await end.close();
  };
  return [here, there, close];
}

/** The bytes of a transport, so many, as copies of its chunks, each of which is seen by a function. */
async function readAll(
  transport: Transport,
  size: number,
  see: (chunk: Uint8Array) => void,
): Promise<void> {
  for (let left = size; left > 0;) {
    const chunk = await transport.read();
    assert(chunk !== undefined, `${left} bytes are missing`);
    left -= chunk.length;
    see(chunk);
  }
}

const size = 3_000_000;
const pattern = Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) & 0xff);

for (
  const [which, isRecycled] of [
    ["each chunk", () => true],
    ["every other chunk", (at: number) => at % 2 === 0],
    ["every third chunk twice", (at: number) => at % 3 === 0],
    ["no chunk", () => false],
  ] as const
) {
  test(`recycle › ${which} is handed back › all bytes arrive, and kept chunks stay as they are`, async () => {
    const [here, there, close] = await pair();
    const kept: { readonly at: number; readonly chunk: Uint8Array }[] = [];
    let at = 0;
    let chunks = 0;
    const reading = readAll(here, size, (chunk) => {
      assert.deepEqual(chunk, pattern.subarray(at, at + chunk.length));
      if (isRecycled(chunks++)) {
        here.recycle?.(chunk);
        if (which.endsWith("twice")) here.recycle?.(chunk);
      } else kept.push({ at, chunk });
      at += chunk.length;
    });
    for (let from = 0; from < size; from += 100_000) {
      await there.write(pattern.subarray(from, from + 100_000));
    }
    await reading;
    for (const { at, chunk } of kept) {
      assert.deepEqual(chunk, pattern.subarray(at, at + chunk.length), "it was overwritten");
    }
    await close();
  });
}

test("recycle › each chunk is handed back › most are read into memory that was used before", async (t) => {
  const [here, there, close] = await pair();
  if (here.recycle === undefined) {
    t.diagnostic("This runtime's transports take no memory back.");
    assert("Bun" in globalThis);
    return await close();
  }
  const used = new Set<ArrayBufferLike>();
  let memory = 0;
  const reading = readAll(here, size, (chunk) => {
    if (!used.has(chunk.buffer)) memory += chunk.buffer.byteLength;
    used.add(chunk.buffer);
    here.recycle!(chunk);
  });
  for (let from = 0; from < size; from += 100_000) {
    await there.write(pattern.subarray(from, from + 100_000));
  }
  await reading;
  assert(memory < size / 2, `${memory} bytes of memory for ${size}`);
  await close();
});

test("recycle › many connections that are read at once › each gets its own bytes, and keeps them", async () => {
  const much = 600_000;
  await Promise.all(Array.from({ length: 20 }, async (_, number) => {
    const [here, there, close] = await pair();
    const bytes = pattern.slice(0, much).map((byte) => byte ^ number);
    const kept: { readonly at: number; readonly chunk: Uint8Array }[] = [];
    let [at, chunks] = [0, 0];
    const reading = readAll(here, much, (chunk) => {
      assert.deepEqual(chunk, bytes.subarray(at, at + chunk.length));
      if (chunks++ % 3 > 0) here.recycle?.(chunk);
      else kept.push({ at, chunk });
      at += chunk.length;
    });
    // Pieces from one byte to 90 KB.
    for (let from = 0, size = 1; from < much; from += size, size = size * 7 % 90_001) {
      await there.write(bytes.subarray(from, from + size));
    }
    await reading;
    for (const { at, chunk } of kept) {
      assert.deepEqual(chunk, bytes.subarray(at, at + chunk.length), "it was overwritten");
    }
    await close();
  }));
});

test("recycle › chunks whose memory was transferred › are ignored, and reading goes on", async () => {
  const [here, there, close] = await pair();
  let [at, chunks] = [0, 0];
  const reading = readAll(here, size, (chunk) => {
    assert.deepEqual(chunk, pattern.subarray(at, at + chunk.length));
    at += chunk.length;
    const { buffer } = chunk;
    if (chunks++ % 3 === 2 && buffer instanceof ArrayBuffer) {
      structuredClone(buffer, { transfer: [buffer] });
    }
    here.recycle?.(chunk);
  });
  for (let from = 0; from < size; from += 50_001) {
    await there.write(pattern.subarray(from, from + 50_001));
  }
  await reading;
  await close();
});

for (const much of [10, 300, 70_000]) {
  test(`read › ${much} bytes whose memory is transferred while the next read waits › reading goes on`, async () => {
    const [here, there, close] = await pair();
    const bytes = pattern.subarray(0, much);
    let next = here.read();
    for (let round = 0; round < 20; round++) {
      const written = there.write(bytes);
      for (let at = 0; at < much;) {
        const chunk = await next;
        next = here.read();
        assert(chunk !== undefined);
        assert.deepEqual(chunk, bytes.subarray(at, at + chunk.length));
        at += chunk.length;
        const { buffer } = chunk;
        if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
      }
      await written;
    }
    const rejected = assert.rejects(next);
    await close();
    await rejected;
  });
}

test("read › small chunks that are kept › keep little memory", async () => {
  const [here, there, close] = await pair();
  const kept = new Set<ArrayBufferLike>();
  for (let round = 0; round < 100; round++) {
    await there.write(new Uint8Array(50));
    await readAll(here, 50, (chunk) => void kept.add(chunk.buffer));
  }
  const memory = [...kept].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert(memory <= 100 * 512, `${memory} bytes of memory for 5,000`);
  await close();
});

test("recycle › a chunk that isn't the last, or while a read waits › is ignored", async () => {
  const [here, there, close] = await pair();
  const chunks: Uint8Array[] = [];
  for (const byte of [1, 2]) {
    await there.write(new Uint8Array(50).fill(byte));
    await readAll(here, 50, (chunk) => void chunks.push(chunk));
  }
  here.recycle?.(chunks[0]);
  here.recycle?.(new Uint8Array(10));
  here.recycle?.(new Uint8Array(0));
  const third = here.read();
  here.recycle?.(chunks[chunks.length - 1]);
  await there.write(new Uint8Array(50).fill(3));
  assert.equal((await third)?.[0], 3);
  await there.write(new Uint8Array(50).fill(4));
  assert.equal((await here.read())?.[0] !== undefined, true);
  assert.equal(chunks[0][0], 1);
  assert.equal(chunks[chunks.length - 1][0], 2);
  await close();
});
