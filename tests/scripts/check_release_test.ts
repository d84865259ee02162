import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { releaseProblems } from "../../scripts/check_release.ts";
import { temporaryFolder } from "../harness/sockets.ts";

/** A repository of two packages of these versions, with a changelog. */
async function repository(main: string, member: string, changelog: string) {
  const folder = await temporaryFolder();
  const { path } = folder;
  const manifest = { name: "@x/main", version: main, workspace: ["./member"] };
  await mkdir(join(path, "member"));
  await writeFile(join(path, "deno.json"), JSON.stringify(manifest));
  await writeFile(
    join(path, "member", "deno.json"),
    JSON.stringify({ name: "@x/member", version: member }),
  );
  await writeFile(join(path, "CHANGELOG.md"), changelog);
  return folder;
}

test("release check › tag, packages and changelog agree › has no problem", async () => {
  await using folder = await repository("1.2.3", "1.2.3", "# Changelog\n\n## 1.2.3\n\n- New.\n");
  assert.deepEqual(await releaseProblems("v1.2.3", folder.path), []);
});

test("release check › a package or the changelog has another version › names each", async () => {
  await using folder = await repository("1.2.3", "1.2.2", "# Changelog\n\n## 1.2.30\n");
  assert.deepEqual(await releaseProblems("v1.2.3", folder.path), [
    `@x/member has version 1.2.2: set 1.2.3 in ${join(folder.path, "member", "deno.json")}.`,
    'CHANGELOG.md has no section "## 1.2.3": write it.',
  ]);
});

test("release check › an invalid tag › is refused", async () => {
  for (const tag of ["1.2.3", "v1.2", "v1.2.3/../x", "latest", ""]) {
    const [problem] = await releaseProblems(tag);
    assert.match(problem, /is no tag of a version/, tag);
  }
});
