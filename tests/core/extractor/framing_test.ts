import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  encodeFrame,
  encodeFrames,
  type ExtractorClientEvent,
  ExtractorClientProtocol,
  FrameReader,
} from "../../../core/extractor/mod.ts";
import { concat, LocalProtocolError } from "../../../core/mod.ts";

const most = 1000;
const tooLarge = (length: number) => new Error(`${length} are too many`);

/** All complete frames. */
function takeAll(reader: FrameReader, limit: number = most): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame; (frame = reader.take(limit, tooLarge)) !== undefined;) frames.push(frame);
  return frames;
}

function length(number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

test("encodeFrame › a payload › a big-endian length and the payload", () => {
  const payload = new Uint8Array(0x01_02_03).fill(9);
  const frame = encodeFrame(payload);
  assert.deepEqual(frame.subarray(0, 4), Uint8Array.of(0, 1, 2, 3));
  assert.equal(frame.length, 4 + payload.length);
  assert.equal(frame.at(-1), 9);
  assert.deepEqual(encodeFrame(new Uint8Array(0)), Uint8Array.of(0, 0, 0, 0));
});

test("encodeFrames › payloads of any size › pieces that join to the frames", () => {
  const sizes = [0, 1, 16_383, 16_384, 100_000];
  for (const first of sizes) {
    for (const second of sizes) {
      const payloads = [new Uint8Array(first).fill(1), new Uint8Array(second).fill(2)];
      const pieces = encodeFrames(...payloads);
      assert.deepEqual(concat(pieces), concat(payloads.map(encodeFrame)), `${first}, ${second}`);
      assert(pieces.every((piece) => piece.length > 0));
      // Large ones aren't copied.
      assert.equal(pieces.includes(payloads[0]), first >= 16_384);
    }
  }
});

test("encodeFrame › values that aren't bytes, or 4 GiB › refused", () => {
  const huge = { length: 2 ** 32 } as Uint8Array;
  assert.throws(() => encodeFrame(huge), LocalProtocolError);
  assert.throws(() => encodeFrames(huge), LocalProtocolError);
});

test("frame reader › frames in any pieces › the payloads unchanged", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 200 }));
  fc.assert(
    fc.property(payloads, cuts, fc.boolean(), (sent, sizes, readsMeanwhile) => {
      const bytes = concat(sent.map((payload) => encodeFrame(payload)));
      const reader = new FrameReader();
      const taken: Uint8Array[] = [];
      let at = 0;
      for (const size of sizes) {
        if (at >= bytes.length) break;
        reader.push(bytes.slice(at, at + size));
        at += size;
        if (readsMeanwhile) taken.push(...takeAll(reader));
      }
      taken.push(...takeAll(reader));
      assert.deepEqual(taken.map((frame) => [...frame]), sent.map((frame) => [...frame]));
      assert.equal(reader.size, 0);
      assert.equal(reader.partial, undefined);
    }),
    { seed: 1 },
  );
});

test("frame reader › lengths of 0, the limit, one more, all bits › error above the limit", () => {
  const reader = new FrameReader();
  reader.push(concat([length(0), encodeFrame(new Uint8Array(most)), length(most + 1)]));
  assert.equal(reader.take(most, tooLarge)?.length, 0);
  assert.equal(reader.take(most, tooLarge)?.length, most);
  assert.throws(() => reader.take(most, tooLarge), /1001 are too many/);

  const other = new FrameReader();
  other.push(length(0xffff_ffff));
  assert.throws(() => other.take(most, tooLarge), /4294967295 are too many/);
});

test("frame reader › an empty frame at the end of the input › complete with its length", () => {
  const reader = new FrameReader();
  for (const byte of [0, 0, 0]) {
    reader.push(Uint8Array.of(byte));
    assert.equal(reader.take(most, tooLarge), undefined);
  }
  assert.deepEqual(reader.partial, { length: undefined, arrived: 0 });
  reader.push(Uint8Array.of(0));
  assert.deepEqual(reader.take(most, tooLarge), new Uint8Array(0));
});

test("frame reader › a complete and an incomplete frame › payload in its own buffer, partial frame reported", () => {
  const reader = new FrameReader();
  const chunk = concat([encodeFrame(Uint8Array.of(1, 2)), encodeFrame(Uint8Array.of(3, 4))]);
  reader.push(chunk.slice(0, 11));
  const first = reader.take(most, tooLarge)!;
  assert.equal(first.buffer.byteLength, 2);
  assert.equal(reader.take(most, tooLarge), undefined);
  assert.deepEqual(reader.partial, { length: 2, arrived: 1 });
  assert.equal(reader.peek(), undefined);
  reader.clear();
  assert.equal(reader.size, 0);
  assert.equal(reader.partial, undefined);
});

test("frame reader › a large length without its bytes › no memory allocated for it", () => {
  const reader = new FrameReader();
  // A buffer of that size can't be allocated; an attempt would throw.
  const limit = 0xffff_ffff;
  reader.push(length(limit));
  reader.push(Uint8Array.of(1, 2, 3));
  const allocated = countingAllocations(() => reader.take(limit, tooLarge));
  assert(allocated < 100_000, `${allocated} bytes were allocated for 3`);
  assert.deepEqual(reader.partial, { length: limit, arrived: 3 });
});

test("frame reader › 200,000 small frames in one chunk, and in single bytes › linear time", () => {
  const count = 200_000;
  const frame = encodeFrame(Uint8Array.of(7));
  const all = new Uint8Array(count * frame.length);
  for (let at = 0; at < all.length; at += frame.length) all.set(frame, at);
  const asked = () => {
    const protocol = new ExtractorClientProtocol({ limits: { maxInFlight: count } });
    for (let i = 0; i < count; i++) protocol.send("count", all.subarray(0, 0));
    while (protocol.takeOutput() !== undefined);
    return protocol;
  };
  const drain = (protocol: ExtractorClientProtocol): number => {
    let answers = 0;
    for (let event: ExtractorClientEvent | undefined; (event = protocol.nextEvent());) {
      if (event.type === "response" && event.message[0] === 7) answers++;
    }
    return answers;
  };
  const whole = asked();
  whole.receive(all);
  assert.equal(drain(whole), count);
  assert.deepEqual(whole.unanswered, []);

  const bytewise = asked();
  let answers = 0;
  for (let at = 0; at < all.length; at++) {
    bytewise.receive(all.subarray(at, at + 1));
    answers += drain(bytewise);
  }
  assert.equal(answers, count);

  const late = new FrameReader();
  for (let at = 0; at < all.length; at++) late.push(all.subarray(at, at + 1));
  for (let at = 0; at < count; at++) if (late.take(1, tooLarge)?.[0] !== 7) assert.fail(`${at}`);
  assert.equal(late.size, 0);
});

/** How many bytes a function allocates in `Uint8Array`s. */
function countingAllocations(act: () => void): number {
  const { Uint8Array } = globalThis;
  let allocated = 0;
  globalThis.Uint8Array = new Proxy(Uint8Array, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number") allocated += args[0];
      return Reflect.construct(
        target,
        args,
        newTarget === globalThis.Uint8Array ? target : newTarget,
      );
    },
  });
  try {
    act();
  } finally {
    globalThis.Uint8Array = Uint8Array;
  }
  return allocated;
}
