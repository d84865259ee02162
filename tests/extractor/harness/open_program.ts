/**
 * Programs of the project where every user may read and run them, which the project's folder and the
 * runtime's needn't allow.
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

/** What there has to be of the project. */
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
 * The words that run a file of TypeScript on the runtime that this runs on, both copied to where every
 * user may read them. The copies are removed behind the tests of the file that calls this.
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
  // What it needs is there, whoever runs it and whatever that one has cached.
  const flags = ["run", "--allow-all", "--no-check", "--node-modules-dir=manual"];
  return [runtime, ...(isDeno ? flags : []), join(folder, file)];
}
