/**
 * The command `dovewire`, as npm installs it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { installPackages, type Project, root, runArguments } from "./project.ts";

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

test("npm package cli › who, and mailbox list, of its own server › print rows", async () => {
  const { run } = await installed();
  const program = await programPath();
  const { url, child } = await startServer();
  try {
    const [, password, address] = /^doveadm:\/\/doveadm:(.*)@(.*)$/.exec(url)!;
    const options = ["--server", address, "--password-command", `echo ${password}`];
    const who = await run(program, ...options, "who");
    assert.ok(who.ok, who.errors);
    assert.match(who.output, /^username # service \(pids\) \(ips\)\n$/);
    const list = await run(program, ...options, "-f", "json", "mailbox", "list", "-u", "tss");
    assert.ok(list.ok, list.errors);
    const names = JSON.parse(list.output).map(({ mailbox }: { mailbox: string }) => mailbox);
    assert.deepEqual(names.sort(), ["INBOX", "Sent", "Trash"]);
  } finally {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
  }
});
