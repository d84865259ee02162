/**
 * The packages in other test runners, as docs/runtimes.md says.
 *
 * @module
 */

import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { execute, installPackages } from "../project.ts";
import { installTools, type Tools } from "./install.ts";

const tools: Tools = { jest: "30.5.2", vite: "8.3.8", vitest: "4.1.12" };

/** A test of a user, for runners with the same globals. */
const tested = `
import { connect } from "@dovewire/dovewire";
import { startMailServer } from "@dovewire/dovewire/testing";

let server, doveadm;
beforeAll(async () => {
  server = await startMailServer({ users: { tss: { mailboxes: { INBOX: [] } } } });
  doveadm = connect(server.url);
});
afterAll(async () => {
  await doveadm.close();
  await server.close();
});

it("mailboxes", async () => {
  expect(await doveadm.run("mailbox list", { user: "tss" })).toEqual([{ mailbox: "INBOX" }]);
});

it("nobody", async () => {
  await expect(doveadm.run("mailbox list", { user: "no" })).rejects.toThrow("no such user");
});
`;

/** The runners: their programs, from the tools' folder, and their arguments. */
const runners = {
  vitest: { program: "vitest/vitest.mjs", args: ["run", "--globals"], env: {} },
  // Jest knows ES modules by a flag of Node alone.
  jest: {
    program: "jest/bin/jest.js",
    args: ["--ci", "--transform={}"],
    env: { NODE_OPTIONS: "--experimental-vm-modules" },
  },
};

for (const [name, { program, args, env }] of Object.entries(runners)) {
  test(`npm › ${name} › runs a test with a server and a client`, async () => {
    await using project = await installPackages("dovewire");
    const modules = await installTools(tools);
    // vitest is imported from the project, and so has to be installed there.
    await symlink(join(modules, name), join(project.path, "node_modules", name));
    await project.write("client.test.js", tested);
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const PATH = `PATH=${[dirname(process.execPath), process.env.PATH].join(delimiter)}`;
    const { ok, output, errors } = await execute(
      "env",
      [PATH, ...variables, process.execPath, join(modules, program), ...args],
      project.path,
    );
    assert.ok(ok, output + errors);
    assert.match(output + errors, /2 passed/);
  });
}
