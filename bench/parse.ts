/**
 * Compares parsing by the core alone, without I/O, with decoding and splitting the same bytes by hand.
 *
 * The two are timed in turns in one run. The result is the ratio of their medians: 1 is as fast as
 * by hand, 0.5 takes twice as long. `deno task bench` runs it on Deno, Node and Bun.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DoveadmClientProtocol, encodePacket, StreamMultiplexer } from "../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../core/mod.ts";

/** The same work, done twice. */
interface Contest {
  readonly name: string;
  /** The goal: the least ratio. */
  readonly least: number;
  /** Does it by hand and returns a value to compare. */
  readonly byHand: () => unknown;
  /** Prepares the core; the returned function does the work, and returns the same value. */
  readonly core: () => () => unknown;
}

const warmUp = 5;

/** The reply of the README's `quota get`. */
const quotaRows = "User quota\tSTORAGE\t1\t1048576\t0\tUser quota\tMESSAGE\t3\t-\t0\t";
const quotaReply = `${quotaRows}\n+\n`;
const quotaReplies = 20_000;

/** 20,000 pipelined replies in one buffer, framed as a minor version does it. */
function smallReplies(minor: 0 | 3 | 4, least: number): Contest {
  const wire = frame(minor);
  return {
    name: `${quotaReplies} quota replies, 1.${minor}`,
    least,
    byHand() {
      let fields = 0;
      const lines = new TextDecoder().decode(unframeByHand(wire, minor)).split("\n");
      for (let at = 0; at + 1 < lines.length; at += 2) {
        const values = lines[at].split("\t");
        values.pop();
        if (lines[at + 1] !== "+") throw new Error("no +");
        fields += values.length;
      }
      return fields;
    },
    core() {
      const protocol = openSession(minor, quotaReplies);
      return () => {
        let fields = 0;
        protocol.receive(wire);
        for (let event; (event = protocol.nextEvent()) !== undefined;) {
          if (event.type === "reply") fields += event.fields.length;
        }
        return fields;
      };
    },
  };
}

/** Removes the frame from replies, in the simplest way. */
function unframeByHand(wire: Uint8Array, minor: 0 | 3 | 4): Uint8Array {
  if (minor === 0) return wire;
  if (minor === 4) return wire.subarray(9);
  const plain = new Uint8Array(wire.length);
  const view = new DataView(wire.buffer, wire.byteOffset, wire.byteLength);
  let to = 0;
  for (let at = 0; at < wire.length;) {
    const end = at + 5 + view.getUint32(at + 1);
    plain.set(wire.subarray(at + 5, end), to);
    to += end - at - 5;
    at = end;
  }
  return plain.subarray(0, to);
}

function frame(minor: 0 | 3 | 4): Uint8Array {
  if (minor === 3) {
    // As Dovecot sends it: the rows in one packet, their end in the next.
    const packets = [encodePacket(0, encodeUtf8(quotaRows)), encodePacket(0, encodeUtf8("\n+\n"))];
    return concat(Array(quotaReplies).fill(concat(packets)));
  }
  const plain = encodeUtf8(quotaReply.repeat(quotaReplies));
  return minor === 0 ? plain : new StreamMultiplexer().encode(0, plain);
}

/** One reply of 64 MiB, with an escape every 76 bytes, in pieces of `pieceSize`. */
function bigReply(pieceSize: number, name: string): Contest {
  const line = encodeUtf8("x".repeat(74) + "\x01n");
  const size = 64 * 1024 * 1024;
  const value = new Uint8Array(size);
  for (let at = 0; at < size; at += line.length) value.set(line.subarray(0, size - at), at);
  if (value[size - 1] === 0x01) value[size - 1] = 0x78;
  return {
    name: `one reply of 64 MiB, ${name}`,
    least: 0.7,
    byHand() {
      const plain = new Uint8Array(size);
      let to = 0;
      for (let from = 0; from < size; from++) {
        const byte = value[from];
        if (byte !== 0x01) plain[to++] = byte;
        else plain[to++] = unescapeByHand(value[++from]);
      }
      return new TextDecoder().decode(plain.subarray(0, to)).length;
    },
    core() {
      const protocol = openSession(0, 1);
      return () => {
        for (let at = 0; at < size; at += pieceSize) {
          protocol.receive(value.subarray(at, at + pieceSize));
          assert.equal(protocol.nextEvent(), undefined);
        }
        protocol.receive(encodeUtf8("\t\n+\n"));
        const event = protocol.nextEvent();
        return event?.type === "reply" && event.fields[0].length;
      };
    },
  };
}

function unescapeByHand(byte: number): number {
  switch (byte) {
    case 0x30:
      return 0x00;
    case 0x31:
      return 0x01;
    case 0x74:
      return 0x09;
    case 0x72:
      return 0x0d;
    case 0x6e:
      return 0x0a;
    default:
      return byte;
  }
}

/** A client with so many requests that wait for replies. */
function openSession(minor: number, requests: number): DoveadmClientProtocol {
  const protocol = new DoveadmClientProtocol({ maxMinor: minor });
  protocol.takeOutput();
  const version = minor === 0 ? "" : `VERSION\tdoveadm-client\t1\t${minor}\n`;
  protocol.receive(encodeUtf8(`${version}+\n`));
  assert.equal(protocol.nextEvent()?.type, "ready");
  for (let at = 0; at < requests; at++) protocol.send({ name: "quota get", user: "tss" });
  while (protocol.takeOutput() !== undefined);
  return protocol;
}

function milliseconds(act: () => unknown): [number, unknown] {
  const start = performance.now();
  const result = act();
  return [performance.now() - start, result];
}

function median(times: number[]): number {
  return times.sort((one, other) => one - other)[times.length >> 1];
}

/** Times both in turns, and returns the results. */
function compare({ name, least, byHand, core }: Contest, rounds: number): Record<string, unknown> {
  const hand: number[] = [];
  const ours: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    const [handTime, handResult] = milliseconds(byHand);
    const [coreTime, coreResult] = milliseconds(core());
    assert.deepEqual(coreResult, handResult);
    if (round < 0) continue;
    hand.push(handTime);
    ours.push(coreTime);
  }
  const ratio = median(hand) / median(ours);
  return {
    contest: name,
    "by hand, ms": Number(median(hand).toFixed(1)),
    "core, ms": Number(median(ours).toFixed(1)),
    ratio: Number(ratio.toFixed(2)),
    least,
    met: ratio >= least,
  };
}

console.table([
  compare(smallReplies(0, 0.5), 41),
  compare(smallReplies(3, 0.5), 41),
  compare(smallReplies(4, 0.5), 41),
  compare(bigReply(64 * 1024 * 1024, "in one piece"), 11),
  compare(bigReply(65_536, "in pieces of 64 KiB"), 11),
]);
