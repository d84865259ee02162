/**
 * All recordings of real servers, decoded for a reader.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TraceItem } from "../../../../core/doveadm/mod.ts";
import { loadRecordings, type Recording, servers, wireOf } from "../recordings.ts";
import { decode, isComplete, placesOf, type Said } from "./decode.ts";

/** The passwords of the recorded servers, as they are and as the clients sent them. */
const passwords = ["s3cret", "AHMzY3JldA", "AGRvdmVhZG0AczNjcmV0", "AGFkbWluAHMzY3JldA"];

function conversationOf({ steps }: Recording): readonly Said[] {
  return steps.map(({ by, bytes }) => [by, bytes]);
}

/** What the items of some kinds stand for on the wire, without the escapes of the stream format. */
function contentOf(
  items: readonly TraceItem[],
  wire: string,
  types: readonly TraceItem["content"]["type"][],
): string {
  const ranges = items.filter(({ side, content }) =>
    side === "server" && types.includes(content.type)
  ).flatMap(({ ranges }) => ranges);
  const isStream = items.some(({ content }) =>
    content.type === "frame" && content.frame.type === "header"
  );
  const content = ranges.sort((one, other) => one.start - other.start)
    .map(({ start, end }) => wire.slice(start, end)).join("");
  return isStream ? content.replaceAll("\x03\xfe\x01", "\x03") : content;
}

for (const server of servers) {
  const recordings = loadRecordings(server);
  const decoded = new Map(recordings.map((one) => [one, decode(conversationOf(one))]));

  test(`trace of ${server} › each recording › has every byte once`, () => {
    assert(recordings.length > 400);
    for (const [recording, items] of decoded) {
      for (const side of ["client", "server"] as const) {
        const places = placesOf(items, side);
        const size = wireOf(recording, side).length;
        assert(isComplete(places, size), `${recording.name} ${side}: ${JSON.stringify(places)}`);
      }
    }
  });

  test(`trace of ${server} › each recording in pieces of a byte › has the same items`, () => {
    for (const recording of recordings) {
      const conversation = conversationOf(recording);
      assert.deepEqual(
        decode(conversation, { pieceSize: 1 }),
        decode(conversation),
        recording.name,
      );
    }
  });

  test(`trace of ${server} › the pieces of each channel › are what the channel has`, () => {
    for (const [recording, items] of decoded) {
      const { name, channels } = recording;
      const accepted = items.findIndex(({ content }) => content.type === "accepted");
      const after = accepted === -1 ? [] : items.slice(accepted + 1);
      const wire = wireOf(recording, "server");
      assert.equal(contentOf(after, wire, ["value", "reply", "bytes"]), channels.main, name);
      assert.equal(contentOf(after, wire, ["log"]), channels.log, name);
    }
  });

  test(`trace of ${server} › passwords in recordings › are in no item`, () => {
    let logins = 0;
    for (const [recording, items] of decoded) {
      const text = JSON.stringify(items);
      for (const password of passwords) assert(!text.includes(password), recording.name);
      logins += items.filter(({ content }) => content.type === "login").length;
    }
    assert(logins > 30);
  });

  test(`trace of ${server} › bytes that nothing is known about › have a mistake or a remark`, () => {
    for (const [recording, items] of decoded) {
      for (const { side, content, mistake, remark } of items) {
        if (content.type !== "bytes") continue;
        assert(mistake !== undefined || remark !== undefined, `${recording.name} ${side}`);
      }
    }
  });
}
