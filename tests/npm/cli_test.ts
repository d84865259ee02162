/**
 * The command `dovewire`, as npm installs it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkRows, commandIn, withServer } from "./command.ts";
import { installPackages, type Project, root } from "./project.ts";

let project: Promise<Project> | undefined;

function installed(): Promise<Project> {
  return project ??= installPackages("dovewire", "cli");
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

test("npm package cli › its program › has the package's version, and a first line for npm", async () => {
  const program = await commandIn(await installed());
  assert.match(await readFile(program, "utf8"), /^#!\/usr\/bin\/env node\n/);
  const { ok, output, errors } = await (await installed()).run(program, "--version");
  assert.ok(ok, errors);
  const { version } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  assert.equal(output, `dovewire ${version}\n`);
});

test("npm package cli › who, and mailbox list, of its own server › print rows", async () => {
  const project = await installed();
  const program = await commandIn(project);
  await withServer(
    project,
    (options) => checkRows((...words) => project.run(program, ...options, ...words)),
  );
});
