/**
 * Checks that a tag can be released: all packages have the tag's version, and the changelog has a section
 * for it. If not, it prints what to do.
 *
 *     deno run --allow-read scripts/check_release.ts v0.2.0
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The reasons why a tag can't be released, a sentence each; none if it can. */
export async function releaseProblems(tag: string, root: string = ROOT): Promise<string[]> {
  if (!/^v\d+\.\d+\.\d+(-[\w.]+)?$/.test(tag)) {
    return [`${JSON.stringify(tag)} is no tag of a version. Name it as in v0.2.0.`];
  }
  const version = tag.slice(1);
  const main = await readManifest(root);
  const problems: string[] = [];
  for (const folder of [".", ...main.workspace ?? []]) {
    const { name, version: found } = await readManifest(join(root, folder));
    if (found === version) continue;
    problems.push(
      `${name} has version ${found}: set ${version} in ${join(root, folder, "deno.json")}.`,
    );
  }
  const changelog = await readFile(join(root, "CHANGELOG.md"), "utf8");
  if (!changelog.split("\n").includes(`## ${version}`)) {
    problems.push(`CHANGELOG.md has no section "## ${version}": write it.`);
  }
  return problems;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly workspace?: readonly string[];
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, "deno.json"), "utf8"));
}

if (import.meta.main) {
  const [tag, ...others] = Deno.args;
  if (tag === undefined || others.length > 0) {
    console.error("Usage: deno run --allow-read scripts/check_release.ts TAG");
    Deno.exit(2);
  }
  const problems = await releaseProblems(tag);
  for (const problem of problems) console.error(problem);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
