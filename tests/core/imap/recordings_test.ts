import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ImapResponse,
  ResponseParser,
  ResponseReader,
  type StatusFrame,
} from "../../../core/imap/mod.ts";
import { concat } from "../../../core/mod.ts";
import { addSeen, cut, type Seen, seenResponse } from "./frames.ts";
import { readClient } from "./recorded_client.ts";
import { latin1, loadRecordings, type Recording, servers } from "./recordings.ts";

const recordings = servers.flatMap(loadRecordings);

/** How bytes are cut. */
type Cut = (bytes: Uint8Array) => Uint8Array[];

/** All that the server sent. */
function serverBytes({ steps }: Recording): Uint8Array {
  return concat([
    ...steps.flatMap(({ by, bytes }) => by === "server" && bytes !== undefined ? [bytes] : []),
  ]);
}

/** Checks that reading a recording gives the same however it is cut; returns what it gives. */
function sameInPieces<Result>(recording: Recording, read: (cut: Cut) => Result): Result {
  const whole = read((bytes) => [bytes]);
  assert.deepEqual(read((bytes) => cut(bytes, 1)), whole, `${recording.name}, byte by byte`);
  fc.assert(
    fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 200 })), (sizes) => {
      assert.deepEqual(read((bytes) => cut(bytes, sizes)), whole, `${recording.name}, in pieces`);
    }),
    { numRuns: 4, seed: 1 },
  );
  return whole;
}

/** A server's bytes, read for passing them on. */
function passOn(pieces: readonly Uint8Array[]): Seen[] {
  const reader = new ResponseReader();
  const all: Seen[] = [];
  for (const piece of pieces) {
    reader.receive(piece);
    for (let frame; (frame = reader.next()) !== undefined;) addSeen(all, frame);
  }
  assert.equal(reader.size, 0);
  return all;
}

/** The tags of a client's commands in order; `*` for an invalid one. */
function tagsOf(frames: readonly Seen[]): string[] {
  const tags: string[] = [];
  let open: unknown;
  for (const { type, tag } of frames) {
    if (type === "start" || type === "bad" && (open === undefined || tag !== open)) {
      tags.push(tag as string | undefined ?? "*");
    }
    if (type === "start" || type === "bad" || type === "end") {
      open = type === "start" ? tag : undefined;
    }
  }
  return tags;
}

/** The answers to commands in what a server sent: tagged ones, and those to lines without a valid tag. */
function answersOf(recording: Recording): { readonly tag: string; readonly text: string }[] {
  return passOn([serverBytes(recording)])
    .filter(({ type }) => type === "status")
    .map((frame) => frame as unknown as StatusFrame)
    .filter(({ kind, name, text }) =>
      kind === "tagged" || name === "BAD" && /IMAP tag|received by server/.test(text)
    )
    .map(({ tag = "*", name, text }) => ({ tag, text: `${name} ${text}` }));
}

/** Recordings whose commands are others to us than to the server. */
const otherCommands: Readonly<Record<string, string>> = {
  "2.3.19.1/append-binary": "the client announces a literal and doesn't send it",
  "2.4.1/append-binary": "the client announces a literal and doesn't send it",
  "2.4.1/literal-number-overflow": "a size without digits is no size",
};

/** Commands that the server takes and we don't, by their tags. */
const strictness: Readonly<Record<string, readonly string[]>> = {
  "2.4.1/cr-alone": ["a", "d"],
  "2.4.1/lists": ["g"],
  "2.4.1/quoted-strings": ["f"],
};

test("recordings › what clients sent, in any pieces › is the commands that the server answered", () => {
  for (const recording of recordings) {
    const frames = sameInPieces(recording, (cut) => readClient(recording, { cut }));
    if (Object.hasOwn(otherCommands, recording.name)) continue;
    const answered = answersOf(recording).map(({ tag }) => tag);
    // The last ones have no answer where the connection ended before.
    const tags = tagsOf(frames).slice(0, answered.length);
    assert.deepEqual(tags.toSorted(), answered.toSorted(), recording.name);
  }
});

test("recordings › commands with a syntax that the server refuses › are bad, and few others", () => {
  const seen = new Set<string>();
  for (const recording of recordings) {
    const bad = new Set(
      readClient(recording).flatMap(({ type, tag }) => type === "bad" ? [tag] : []),
    );
    for (const { tag, text } of answersOf(recording)) {
      const isBad = bad.has(tag === "*" ? undefined : tag);
      const isRefused = /^BAD .*(CR sent|NULs|8bit|Invalid tag|Invalid char|Missing|Unexpected)/
        .test(text);
      if (isRefused) assert(isBad, `${recording.name}: ${tag} passes, the server: ${text}`);
      if (isBad && !/^BAD /.test(text)) {
        assert(strictness[recording.name]?.includes(tag), `${recording.name}: ${tag} is bad`);
        seen.add(`${recording.name} ${tag}`);
      }
    }
  }
  const expected = Object.entries(strictness)
    .flatMap(([name, tags]) => tags.map((tag) => `${name} ${tag}`));
  assert.deepEqual([...seen].toSorted(), expected.toSorted());
});

test("recordings › what servers sent, in any pieces › is passed on byte for byte", () => {
  for (const recording of recordings) {
    const wire = serverBytes(recording);
    const frames = sameInPieces(recording, (cut) => passOn(cut(wire)));
    assert.equal(frames.map(({ bytes }) => bytes).join(""), latin1(wire), recording.name);
    assert.equal(frames.at(-1)?.atBoundary ?? true, true, recording.name);
  }
});

test("recordings › what servers sent, in any pieces › is parsed as the same responses", () => {
  for (const recording of recordings) {
    const wire = serverBytes(recording);
    const responses = sameInPieces(recording, (cut) => {
      const parser = new ResponseParser();
      const all: Seen[] = [];
      for (const piece of cut(wire)) {
        parser.receive(piece);
        for (let response; (response = parser.next()) !== undefined;) {
          all.push(seenResponse(response));
        }
      }
      assert.equal(parser.size, 0, recording.name);
      return all;
    });
    const count = (all: readonly Seen[], type: string, kind?: string) =>
      all.filter((one) => one.type === type && (kind === undefined || one.kind === kind)).length;
    const passed = passOn([wire]);
    assert.equal(count(responses, "tagged"), count(passed, "status", "tagged"), recording.name);
    assert.equal(count(responses, "continuation"), count(passed, "status", "continuation"));
  }
});

test("recordings › a FETCH whose texts look like responses › is one response", () => {
  const recording = recordings.find(({ name }) => name === "2.4.1/fetch-literals")!;
  const parser = new ResponseParser();
  parser.receive(serverBytes(recording));
  const fetched: ImapResponse[] = [];
  for (let response; (response = parser.next()) !== undefined;) {
    if (response.type === "untagged" && response.name === "FETCH") fetched.push(response);
  }
  assert.deepEqual(fetched.map(seenResponse)[1], {
    type: "untagged",
    name: "FETCH",
    number: 2,
    values: [[
      "UID",
      "2",
      "BODY[HEADER.FIELDS",
      ["SUBJECT"],
      "]",
      { literal: "Subject: a {5}\r\n\r\n" },
      "BODY[TEXT]",
      { literal: "b {7}\r\n* 9 EXISTS\r\nz OK fake\r\n" },
      "BODY[2]",
      { literal: "" },
      "ENVELOPE",
      ["NIL", { quoted: "a {5}" }, "NIL", "NIL", "NIL", "NIL", "NIL", "NIL", "NIL", "NIL"],
    ]],
  });
});
