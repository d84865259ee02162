/**
 * What the tests of the installed command `dovewire` share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { type Ending, type Project, runArguments } from "./project.ts";

/** Path of the command that a project has installed. */
export async function commandIn({ path }: Project): Promise<string> {
  return await realpath(join(path, "node_modules", ".bin", "dovewire"));
}

/** Starts the server with mail in memory; resolves to its URL. */
async function startServer(project: Project): Promise<{ url: string; child: ChildProcess }> {
  const { path } = project;
  const args = [...runArguments, await commandIn(project), "serve", "--embedded", "--user", "tss"];
  const child = spawn(process.execPath, args, { cwd: path, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      output += chunk;
      if (output.includes("\n")) resolve(output.trim());
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { url, child };
}

/** Runs something with the options for a server of its own, which ends after that. */
export async function withServer(
  project: Project,
  use: (options: readonly string[]) => Promise<void>,
): Promise<void> {
  const { url, child } = await startServer(project);
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
export async function checkRows(
  run: (...words: string[]) => Promise<Ending>,
): Promise<void> {
  const who = await run("who");
  assert.ok(who.ok, who.errors);
  assert.match(who.output, /^username # service \(pids\) \(ips\)\n$/);
  const list = await run("-f", "json", "mailbox", "list", "-u", "tss");
  assert.ok(list.ok, list.errors);
  const names = JSON.parse(list.output).map(({ mailbox }: { mailbox: string }) => mailbox);
  assert.deepEqual(names.sort(), ["Drafts", "INBOX", "Sent", "Trash"]);
}
