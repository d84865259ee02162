import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  Demultiplexer,
  DoveadmClientProtocol,
  encodePacket,
  StreamMultiplexer,
} from "../../../core/doveadm/mod.ts";
import { concat, decodeUtf8, encodeUtf8, RemoteProtocolError } from "../../../core/mod.ts";

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
  const sizes = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 200 }));
  fc.assert(
    fc.property(parts, fc.boolean(), sizes, fc.boolean(), (parts, asStream, size, isWatched) => {
      const multiplexer = new StreamMultiplexer();
      const wire = concat(parts.map(({ channel, bytes }) => {
        const plain = Uint8Array.from(bytes);
        return asStream ? multiplexer.encode(channel, plain) : encodePacket(channel, plain);
      }));
      let framed = 0;
      const demultiplexer = new Demultiplexer(
        isWatched
          ? {
            onFrame: ({ type }) => framed += { packet: 5, header: 9, switch: 4, escape: 2 }[type],
          }
          : {},
      );
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
      // Each byte is one of a frame, or of a channel.
      assert.equal(framed, isWatched ? wire.length - content : 0);
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

test("multiplex › packets of one channel in a chunk › are one segment, which another channel ends", () => {
  const demultiplexer = new Demultiplexer();
  const packets = [[0, "ab"], [0, ""], [0, "cd"], [0x4c, "log"], [0, "e"], [0, "fgh"]] as const;
  const wire = concat(packets.map(([channel, text]) => encodePacket(channel, encodeUtf8(text))));
  const segments: string[] = [];
  const take = (): void => {
    for (let segment; (segment = demultiplexer.next()) !== undefined;) {
      segments.push(decodeUtf8(segment.bytes.subarray(segment.start, segment.end)));
    }
  };
  demultiplexer.push(wire.slice(0, -2));
  take();
  assert.deepEqual(segments, ["abcd", "log", "ef"]);
  assert(!demultiplexer.complete);
  demultiplexer.push(wire.slice(-2));
  take();
  assert.deepEqual(segments.slice(3), ["gh"]);
  assert(demultiplexer.complete);
});

test("multiplex › replies in packets, joined or not › are the same whenever their fields are read", () => {
  const packets = [
    [0, "one\t"],
    [0, "\n+\n"],
    [0x4c, "a log line\n"],
    [0, "tw\x01to\tthree\t\n+\n"],
    [0x4c, "another\n"],
    [0, "four\t\n"],
    [0, "+\n"],
    [0, "five\t\n+\n"],
  ] as const;
  const wire = concat([
    encodeUtf8("VERSION\tdoveadm-client\t1\t2\n+\n"),
    ...packets.map(([channel, text]) => encodePacket(channel, encodeUtf8(text))),
  ]);
  for (const readsAtOnce of [true, false]) {
    const client = new DoveadmClientProtocol();
    const names = ["one", "two", "four", "five"];
    for (const name of names) client.send({ name });
    client.receive(wire.slice());
    const replies: (() => readonly string[])[] = [];
    for (let event; (event = client.nextEvent()) !== undefined;) {
      while (client.takeOutput() !== undefined);
      if (event.type !== "reply") continue;
      const reply = event;
      if (readsAtOnce) void reply.fields;
      replies.push(() => reply.fields);
    }
    const fields = replies.map((fields) => fields());
    assert.deepEqual(fields, [["one"], ["tw\to", "three"], ["four"], ["five"]], `${readsAtOnce}`);
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
