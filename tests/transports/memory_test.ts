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

test("memoryPair() › 100,000 writes that wait › are read in their order", async () => {
  const [transport, peer] = memoryPair({ capacity: Infinity });
  const writes = 100_000;
  for (let at = 0; at < writes; at++) void transport.write(Uint8Array.of(at));
  for (let at = 0; at < writes; at++) assert.equal((await peer.read())?.[0], at & 0xff);
});

test("memoryPair() › a cut that throws › the bytes aren't lost", async () => {
  let isBad = true;
  const cut = () => {
    if (isBad) throw new Error("bad");
    return 1;
  };
  const [transport, peer] = memoryPair({ cut });
  await transport.write(Uint8Array.of(1, 2));
  await assert.rejects(peer.read(), /bad/);
  isBad = false;
  assert.deepEqual(await peer.read(), Uint8Array.of(1));
  assert.deepEqual(await peer.read(), Uint8Array.of(2));
});
