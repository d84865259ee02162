import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPair } from "../../transports/memory.ts";
import { conversation, rejectsWith, testTransport } from "./conformance.ts";

testTransport({
  name: "memory.ts",
  open: () => conversation(memoryPair()),
  much: 33_554_432,
  whenPeerCloses: "reset",
  keepsWhatIsWritten: true,
  refusesTls: true,
});

testTransport({
  name: "memory.ts a byte at a time",
  open: () => conversation(memoryPair({ cut: () => 1, capacity: 4096 })),
  much: 32_768,
  whenPeerCloses: "reset",
  keepsWhatIsWritten: true,
  refusesTls: true,
});

test("memoryPair() › a cut that is no number of bytes › counts as 1, a fraction as the integer below", async () => {
  for (const [cut, size] of [[NaN, 1], [0, 1], [-1, 1], [0.5, 1], [2.5, 2], [Infinity, 4]]) {
    const [transport, peer] = memoryPair({ cut: () => cut });
    await transport.write(Uint8Array.of(1, 2, 3, 4));
    await transport.closeWrite();
    assert.equal((await peer.read())?.length, size, String(cut));
    let read = size;
    for (let chunk; (chunk = await peer.read()) !== undefined;) read += chunk.length;
    assert.equal(read, 4, String(cut));
  }
});

test("memoryPair() › a write after closeWrite() › the error says that it was ended", async () => {
  const [transport] = memoryPair();
  await transport.closeWrite();
  await rejectsWith("closed", transport.write(Uint8Array.of(1)), "closeWrite() has ended");
});
