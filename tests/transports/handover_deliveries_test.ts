import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Deliveries } from "../../transports/handover/deliveries.ts";
import type { HandoverMessage } from "../../transports/handover/messages.ts";

/** A parcel with a client whose socket is open. */
const parcel = () => ({
  message: { type: "client", id: 0, peer: "tcp 192.0.2.1:1" } as const,
  socket: { destroyed: false, destroy() {} } as unknown as Socket,
});

test("deliveries › a worker that says nothing › those whose time is over aren't kept", async () => {
  const sent: HandoverMessage[] = [];
  const deliveries = new Deliveries({
    send: (message) => {
      sent.push(message);
      return Promise.resolve(true);
    },
    limit: 5,
  });
  const outcomes = await Promise.all(
    Array.from({ length: 1000 }, () => deliveries.give([parcel()])),
  );
  for (const outcome of outcomes) {
    assert(outcome.type === "untouched" && outcome.why === "late");
  }
  // The worker may still have the first one.
  assert.equal(deliveries.size, 1);
  assert.deepEqual(sent.map(({ type }) => type), ["client"]);

  const next = deliveries.give([parcel()]);
  deliveries.answer({ type: "received", id: 1 });
  deliveries.answer({ type: "adopted", id: 1, reason: "it was dropped" });
  deliveries.answer({ type: "received", id: 1001 });
  deliveries.answer({ type: "adopted", id: 1001 });
  assert.deepEqual(await next, { type: "taken" });
  assert.equal(deliveries.size, 0);
  assert.deepEqual(sent.map(({ type }) => type), ["client", "drop", "client", "take"]);
});
