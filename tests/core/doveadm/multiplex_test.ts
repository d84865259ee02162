import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Demultiplexer, encodePacket, StreamMultiplexer } from "../../../core/doveadm/mod.ts";
import { concat, encodeUtf8, RemoteProtocolError } from "../../../core/mod.ts";

const streamHeader = [0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x02, 0x03, 0xfe];

test("multiplex › the packet format › the expected bytes", () => {
  assert.deepEqual(
    encodePacket(0x4c, encodeUtf8("abc")),
    Uint8Array.of(0x4c, 0, 0, 0, 3, 0x61, 0x62, 0x63),
  );
});

test("multiplex › the stream format › the expected bytes", () => {
  const multiplexer = new StreamMultiplexer();
  const encode = (channel: number, ...bytes: number[]) => [
    ...multiplexer.encode(channel, Uint8Array.from(bytes)),
  ];
  assert.deepEqual(encode(0), [], "the header waits for the first output");
  assert.deepEqual(encode(0, 0x61), [...streamHeader, 0x61]);
  assert.deepEqual(encode(0x4c, 0x62), [0x03, 0xfe, 0x00, 0x4c, 0x62]);
  assert.deepEqual(encode(0x4c, 0x03, 0xfe, 0x03, 0x04), [0x03, 0xfe, 0x01, 0xfe, 0x03, 0x04]);
  assert.deepEqual(encode(0x4c, 0x62, 0x03), [0x62, 0x03, 0xfe, 0x01], "a 03 at the end");
});

test("multiplex › both formats in pieces of any size › give back what was sent", () => {
  const byte = fc.oneof(fc.constantFrom(0x03, 0xfe, 0x00, 0x01, 0xff), fc.nat(255));
  const parts = fc.array(
    fc.record({
      channel: fc.constantFrom(0, 0x4c, 0x03, 0xfe),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }).chain((bytes) =>
        fc.array(byte, { minLength: bytes.length, maxLength: bytes.length })
      ),
    }),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(parts, fc.boolean(), fc.integer({ min: 1, max: 9 }), (parts, asStream, size) => {
      const multiplexer = new StreamMultiplexer();
      const wire = concat(parts.map(({ channel, bytes }) => {
        const plain = Uint8Array.from(bytes);
        return asStream ? multiplexer.encode(channel, plain) : encodePacket(channel, plain);
      }));
      let framed = 0;
      const demultiplexer = new Demultiplexer({
        onFrame: ({ type }) => framed += { packet: 5, header: 9, switch: 4, escape: 2 }[type],
      });
      const got = new Map<number, number[]>();
      for (let at = 0; at < wire.length; at += size) {
        demultiplexer.push(wire.subarray(at, at + size));
        for (let segment; (segment = demultiplexer.next()) !== undefined;) {
          const { channel, bytes, start, end } = segment;
          assert(start < end);
          got.set(channel, [...got.get(channel) ?? [], ...bytes.subarray(start, end)]);
        }
      }
      const sent = new Map<number, number[]>();
      for (const { channel, bytes } of parts) {
        sent.set(channel, [...sent.get(channel) ?? [], ...bytes]);
      }
      assert.deepEqual(got, sent);
      const content = parts.reduce((size, { bytes }) => size + bytes.length, 0);
      assert.equal(framed + content, wire.length, "each byte is one of a frame, or of a channel");
      assert.equal(demultiplexer.format, asStream ? "stream" : "packet");
      assert(demultiplexer.complete);
    }),
  );
});

test("multiplex › fewer bytes than a header, or than a packet › wait for more, and aren't complete", () => {
  const demultiplexer = new Demultiplexer();
  demultiplexer.push(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  assert.equal(demultiplexer.next(), undefined);
  assert.equal(demultiplexer.format, undefined);
  assert(!demultiplexer.complete);
  demultiplexer.push(Uint8Array.of(0xfe, 0x61));
  assert.equal(demultiplexer.next()?.channel, 0xff, "channel 255, and not the stream format");
  assert(!demultiplexer.complete);
});

test("multiplex › an escaped 03 that a caller changes › is a 03 the next time", () => {
  const demultiplexer = new Demultiplexer();
  for (let time = 0; time < 2; time++) {
    demultiplexer.push(Uint8Array.from([...time === 0 ? streamHeader : [], 0x03, 0xfe, 0x01]));
    const { bytes, start, end } = demultiplexer.next()!;
    assert.deepEqual([...bytes.subarray(start, end)], [0x03]);
    bytes.fill(0);
  }
});

test("multiplex › an empty packet › is skipped", () => {
  const demultiplexer = new Demultiplexer();
  demultiplexer.push(
    concat([encodePacket(0, new Uint8Array(0)), encodePacket(1, encodeUtf8("a"))]),
  );
  assert.equal(demultiplexer.next()?.channel, 1);
});

test("multiplex › unknown headers and switches › a RemoteProtocolError", () => {
  const newer = new Demultiplexer();
  newer.push(Uint8Array.from(streamHeader.with(5, 1)));
  assert.throws(() => newer.next(), RemoteProtocolError);
  const broken = new Demultiplexer();
  broken.push(Uint8Array.of(...streamHeader, 0x03, 0xfe, 0x02));
  assert.throws(() => broken.next(), RemoteProtocolError);
});
