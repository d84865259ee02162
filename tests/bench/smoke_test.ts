/**
 * Each bench runs to its end, with tiny sizes and without a look at how long anything takes.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { benches } from "../../bench/benches.ts";
import { runTask } from "../../bench/harness/child.ts";
import { ownCommand } from "../../bench/harness/program.ts";
import type { RunResult } from "../../bench/harness/results.ts";

const folder = fileURLToPath(new URL("../../bench/", import.meta.url));
/** Runs a bench in this process: others are started by those that need them. */
async function runSmoke(bench: string): Promise<RunResult> {
  const commands = { deno: ownCommand, node: ownCommand };
  return (await runTask({ bench, isSmoke: true, commands })).result;
}

test("benches › the modules of their folder › are all in the list", () => {
  const modules = readdirSync(folder).filter((name) =>
    name.endsWith(".ts") && name !== "benches.ts"
  );
  assert.deepEqual(modules.map((name) => name.slice(0, -3)).sort(), Object.keys(benches).sort());
});

for (const bench of Object.keys(benches)) {
  test(`benches › ${bench} with tiny sizes › has results`, async () => {
    const { comparisons, quantities } = await runSmoke(bench);
    assert(comparisons.length + quantities.length > 0);
    for (const { name, ways } of comparisons) {
      assert(ways.length > 1, `${name} compares nothing`);
      for (const { way, rate } of ways) assert(rate > 0, `${name}, ${way}: ${rate} a second`);
    }
    for (const { name, value } of quantities) assert(Number.isFinite(value), `${name}: ${value}`);
  });
}
