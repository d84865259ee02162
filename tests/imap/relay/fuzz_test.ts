import assert from "node:assert/strict";
import { test } from "node:test";
import { atFullSize } from "../../harness/soak.ts";
import { runBatch } from "./fuzz/server.ts";

const VERSIONS = ["2.3", "2.4"] as const;

/** How many conversations there are with one server. */
const BATCH = 500;

const BATCHES = atFullSize(200, 2);

for (const [index, version] of VERSIONS.entries()) {
  test(`a relay before Dovecot ${version} › made-up conversations › all take the same for commands`, async () => {
    for (let batch = index; batch < BATCHES; batch += VERSIONS.length) {
      const complaints = await runBatch({ version, first: batch * BATCH, count: BATCH });
      assert.equal(complaints.slice(0, 3).join("\n\n"), "");
    }
  });
}
