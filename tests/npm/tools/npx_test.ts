/**
 * The command `dovewire` by `npx`, as on a machine that has nothing installed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { temporaryFolder } from "../../harness/sockets.ts";
import { checkRows, withServer } from "../command.ts";
import { execute, installPackages, tarballOf } from "../project.ts";

test("npx › the tarballs of the command and the library › installs and runs it", async () => {
  await using project = await installPackages("dovewire", "cli");
  await using folder = await temporaryFolder();
  const variables = {
    // npx runs programs by the first "node" in PATH.
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
    // In npm's own cache there may be an older build of the same version.
    npm_config_cache: join(folder.path, "cache"),
  };
  const packages = ["dovewire", "cli"].map((name) => `--package=${tarballOf(name)}`);
  const npx = (...words: string[]) =>
    execute("npx", ["--yes", ...packages, "dovewire", ...words], folder.path, variables);
  const { ok, output, errors } = await npx("--version");
  assert.ok(ok, errors);
  assert.match(output, /^dovewire \d+\.\d+\.\d+\n$/);
  await withServer(project, (options) => checkRows((...words) => npx(...options, ...words)));
});
