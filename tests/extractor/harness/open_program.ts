/**
 * Copies of the project's programs and of the runtime that every user may read and run, even if the
 * folders of the originals don't allow it.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { after } from "node:test";
import { pathOf } from "./programs.ts";

/** The files and folders of the project that a program needs. */
const parts = [
  ...["core", "transports", "doveadm", "extractor"],
  ...[
    "package.json",
    "tests/extractor/program/privileges_probe.ts",
    "tests/extractor/harness/programs.ts",
  ],
  ...["@bufbuild/protobuf", "postal-mime", "re2js"].map((name) => join("node_modules", name)),
];

/**
 * The command that runs a TypeScript file on the current runtime, both copied to where every user may read
 * them. The copies are removed after the tests of the file that calls this.
 */
export function openToAll(file: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "dovewire-program-"));
  after(() => rmSync(folder, { recursive: true }));
  for (const part of parts) {
    const target = join(folder, dirname(part));
    mkdirSync(target, { recursive: true });
    execFileSync("cp", ["-rL", pathOf(part), target]);
  }
  const runtime = join(folder, basename(process.execPath));
  copyFileSync(process.execPath, runtime);
  execFileSync("chmod", ["-R", "a+rX", folder]);
  chmodSync(folder, 0o755);
  const isDeno = process.versions.deno !== undefined;
  // So that it needs nothing from the user's cache.
  const flags = ["run", "--allow-all", "--no-check", "--quiet", "--node-modules-dir=manual"];
  return [runtime, ...(isDeno ? flags : []), join(folder, file)];
}
