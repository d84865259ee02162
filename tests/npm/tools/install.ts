/**
 * Installs other people's tools for the tests of the packages, once, in `.cache/tools/`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execute, root } from "../project.ts";

/** Packages of npm with exact versions, by the names that they are imported by. */
export type Tools = Readonly<Record<string, string>>;

/** Installs tools unless they are; resolves to the path of their `node_modules`. */
export async function installTools(tools: Tools): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(tools)).digest("hex").slice(0, 8);
  const folder = join(root, ".cache", "tools");
  const place = join(folder, `packages-${hash}`);
  if (!existsSync(place)) {
    await mkdir(folder, { recursive: true });
    // Under another name until it is complete: it may be interrupted, or run twice at once.
    const work = await mkdtemp(join(folder, "unfinished-"));
    try {
      const manifest = { private: true, dependencies: tools };
      await writeFile(join(work, "package.json"), JSON.stringify(manifest));
      const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"];
      const { ok, errors } = await execute("npm", ["install", ...options], work);
      assert.ok(ok, errors);
      await rename(work, place).catch((error) => {
        // Another process was faster.
        if (!existsSync(place)) throw error;
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  return join(place, "node_modules");
}
