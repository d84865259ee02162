/**
 * Parsing by the core alone, without I/O, beside decoding and splitting the same bytes by hand.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DoveadmClientProtocol, encodePacket, StreamMultiplexer } from "../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../core/mod.ts";
import type { Bench, Run } from "./harness/bench.ts";

/** The same work, done twice. */
interface Contest {
  readonly name: string;
  readonly amount: number;
  readonly unit: string;
  /** The goal: the least ratio. */
  readonly least: number;
  /** Does it by hand and returns a value to compare. */
  readonly byHand: () => unknown;
  /** Prepares the core; the returned function does the work, and returns the same value. */
  readonly core: () => () => unknown;
}

/** The reply of the README's `quota get`. */
const quotaRows = "User quota\tSTORAGE\t1\t1048576\t0\tUser quota\tMESSAGE\t3\t-\t0\t";
const quotaReply = `${quotaRows}\n+\n`;

/** So many pipelined replies in one buffer, framed as a minor version does it. */
function smallReplies(count: number, minor: 0 | 3 | 4): Contest {
  const wire = frame(count, minor);
  return {
    name: `small replies, 1.${minor}`,
    ...{ amount: count, unit: "replies", least: 0.85 },
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
      const protocol = openSession(minor, count);
      // A chunk belongs to the protocol, which may change it.
      const chunk = wire.slice();
      return () => {
        let fields = 0;
        protocol.receive(chunk);
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

function frame(count: number, minor: 0 | 3 | 4): Uint8Array {
  if (minor === 3) {
    // As Dovecot sends it: the rows in one packet, their end in the next.
    const packets = [encodePacket(0, encodeUtf8(quotaRows)), encodePacket(0, encodeUtf8("\n+\n"))];
    return concat(Array(count).fill(concat(packets)));
  }
  const plain = encodeUtf8(quotaReply.repeat(count));
  return minor === 0 ? plain : new StreamMultiplexer().encode(0, plain);
}

/** One large reply, with an escape every 76 bytes, in pieces of `pieceSize`. */
function largeReply(size: number, pieceSize: number, name: string): Contest {
  const line = encodeUtf8("x".repeat(74) + "\x01n");
  const value = new Uint8Array(size);
  for (let at = 0; at < size; at += line.length) value.set(line.subarray(0, size - at), at);
  if (value[size - 1] === 0x01) value[size - 1] = 0x78;
  return {
    name: `a large reply, ${name}`,
    ...{ amount: size / 2 ** 20, unit: "MiB", least: 0.7 },
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

async function compare(run: Run, contest: Contest): Promise<void> {
  const { name, amount, unit, least, byHand, core } = contest;
  const expected = byHand();
  const check = (found: unknown) => assert.deepEqual(found, expected);
  await run.compare({
    ...{ name, amount, unit, rounds: 41, seconds: 1.5 },
    ways: {
      "by hand": (watch) => {
        watch.start();
        const found = byHand();
        watch.stop();
        check(found);
      },
      "the core": (watch) => {
        const act = core();
        watch.start();
        const found = act();
        watch.stop();
        check(found);
      },
    },
    goals: { "the core": { least } },
  });
}

/** The bench. */
export const bench: Bench = {
  title: "Parsing",
  parts: {
    async small(run) {
      const count = run.size(20_000, 10);
      for (const minor of [0, 3, 4] as const) await compare(run, smallReplies(count, minor));
    },
    async large(run) {
      const size = run.size(64 * 2 ** 20, 2 ** 20);
      await compare(run, largeReply(size, size, "in one piece"));
      await compare(run, largeReply(size, 65_536, "in pieces of 64 KiB"));
    },
  },
};
