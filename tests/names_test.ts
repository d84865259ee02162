/**
 * The names of tests say subject, condition and outcome.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

test("test names › all files › have a subject, a condition and an outcome", () => {
  let count = 0;
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const source = readFileSync(join(folder, path), "utf8");
    for (const [, , name] of source.matchAll(/^ *test\((["'`])(.*?)\1, /gm)) {
      count++;
      const parts = name.split(" › ").length;
      // What is inserted into a name may have parts, too.
      assert(parts === 3 || (parts < 3 && name.includes("${")), `${path}: ${name}`);
    }
  }
  assert(count > 1000, `only ${count} names were found`);
});
