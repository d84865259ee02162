/**
 * Inputs that never wait, and never end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError, DoveadmConnection } from "../../../mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { ServerBytes } from "../../core/doveadm/dialogue.ts";
import { changed } from "../../transports/driver_setup.ts";

const save = { name: "save", user: "alice", args: ["INBOX"] };

for (const [what, piece] of [["of bytes", new Uint8Array(1000)], ["of nothing", ""]] as const) {
  test(`input › without end, ${what}, of which all is taken at once › the signal aborts the command`, async () => {
    const [here, server] = memoryPair();
    await server.write(new ServerBytes(0).welcome());
    // A fake: a server that reads so fast is in another process.
    const transport = changed(here, { write: () => Promise.resolve() });
    await using connection = await DoveadmConnection.open(transport, { maxMinor: 0, timeout: 0 });
    const controller = new AbortController();
    const end = performance.now() + 10_000;
    function* pieces(): Generator<Uint8Array | string> {
      // Without a turn of the event loop, no timer could end this test either.
      while (!controller.signal.aborted && performance.now() < end) yield piece;
    }
    setTimeout(() => controller.abort(), 0);
    const sending = connection.send({ ...save, input: pieces() }, { signal: controller.signal });
    await assert.rejects(sending, AbortError);
    assert(performance.now() < end, "it ended by itself");
  });
}
