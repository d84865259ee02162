/**
 * The command `dovewire`, as npm installs it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, realpath } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { temporaryFolder } from "../harness/sockets.ts";
import {
  execute,
  installPackages,
  type Project,
  root,
  runArguments,
  tarballOf,
} from "./project.ts";

let project: Promise<Project> | undefined;

function installed(): Promise<Project> {
  return project ??= installPackages("dovewire", "cli");
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

/** Path of the installed program. */
async function programPath(): Promise<string> {
  return await realpath(join((await installed()).path, "node_modules", ".bin", "dovewire"));
}

/** Starts the server with mail in memory; resolves to its URL. */
async function startServer(): Promise<{ url: string; child: ChildProcess }> {
  const { path } = await installed();
  const args = [...runArguments, await programPath(), "serve", "--embedded", "--user", "tss"];
  const child = spawn(process.execPath, args, { cwd: path, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      if (output.includes("\n")) resolve(output.trim());
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { url, child };
}

test("npm package cli › its program › has the package's version, and a first line for npm", async () => {
  const program = await programPath();
  assert.match(await readFile(program, "utf8"), /^#!\/usr\/bin\/env node\n/);
  const { ok, output, errors } = await (await installed()).run(program, "--version");
  assert.ok(ok, errors);
  const { version } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  assert.equal(output, `dovewire ${version}\n`);
});

/** Runs something with the options for a server of its own, which ends after that. */
async function withServer(use: (options: readonly string[]) => Promise<void>): Promise<void> {
  const { url, child } = await startServer();
  try {
    const [, password, address] = /^doveadm:\/\/doveadm:(.*)@(.*)$/.exec(url)!;
    await use(["--server", address, "--password-command", `echo ${password}`]);
  } finally {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // Not by the child's kill(): in Deno it decides what the child is said to have ended by.
    process.kill(child.pid!, "SIGTERM");
    assert.equal(await ended, 0);
  }
}

/** Checks what `who` and `mailbox list` print; `run` gets a command line's words. */
async function checkRows(
  run: (...words: string[]) => Promise<{ ok: boolean; output: string; errors: string }>,
): Promise<void> {
  const who = await run("who");
  assert.ok(who.ok, who.errors);
  assert.match(who.output, /^username # service \(pids\) \(ips\)\n$/);
  const list = await run("-f", "json", "mailbox", "list", "-u", "tss");
  assert.ok(list.ok, list.errors);
  const names = JSON.parse(list.output).map(({ mailbox }: { mailbox: string }) => mailbox);
  assert.deepEqual(names.sort(), ["INBOX", "Sent", "Trash"]);
}

test("npm package cli › who, and mailbox list, of its own server › print rows", async () => {
  const { run } = await installed();
  const program = await programPath();
  await withServer((options) => checkRows((...words) => run(program, ...options, ...words)));
});

// npx runs programs by the first `node` on PATH.
if (!("Deno" in globalThis) && !("Bun" in globalThis)) {
  test("npm package cli › npx with the tarballs › installs and runs it", async () => {
    await using folder = await temporaryFolder();
    const variables = {
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
    await withServer((options) => checkRows((...words) => npx(...options, ...words)));
  });
}
