/**
 * The command `dovewire`, compiled to a single file.
 *
 * @module
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { compileCli } from "../../../scripts/compile_cli.ts";
import { ensureProgram } from "../../harness/programs.ts";

/** Where Debian has the loader and the libraries for programs of arm64, on other machines. */
const arm64Root = "/usr/aarch64-linux-gnu";

const isArm64 = Deno.build.arch === "aarch64";

/** Starts a program without PATH and with these variables alone. */
function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => output += chunk);
  child.stderr.setEncoding("utf8").on("data", (chunk) => errors += chunk);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return {
    /** Resolves to its first line. */
    line: () =>
      new Promise<string>((resolve, reject) => {
        child.stdout.on("data", () => {
          if (output.includes("\n")) resolve(output.split("\n", 1)[0]);
        });
        child.on("close", (code) => reject(new Error(`It ended with ${code}: ${errors}`)));
      }),
    /** Resolves to its output, if it succeeded. */
    output: async () => {
      assert.equal(await ended, 0, errors);
      return output;
    },
    /** Ends it as a service is ended. */
    stop: async () => {
      // Not by the child's kill(): in Deno it decides what the child is said to have ended by.
      process.kill(child.pid!, "SIGTERM");
      assert.equal(await ended, 0, errors);
    },
  };
}

/** Checks a compiled file, which is started by a program and its first arguments. */
async function checkCompiled(program: string, ...first: readonly string[]): Promise<void> {
  const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    start(program, [...first, ...words], env);
  assert.match(await run(["--version"]).output(), /^dovewire \d+\.\d+\.\d+\n$/);
  const server = run(["serve", "--embedded", "--user", "tss"]);
  try {
    const [, password, address] = /^doveadm:\/\/doveadm:(.*)@(.*)$/.exec(await server.line())!;
    const ask = (...words: string[]) =>
      run(["--server", address, ...words], { DOVEWIRE_PASSWORD: password }).output();
    assert.match(await ask("who"), /^username # service \(pids\) \(ips\)\n$/);
    const rows: readonly { mailbox: string }[] = JSON.parse(
      await ask("-f", "json", "mailbox", "list", "-u", "tss"),
    );
    assert.deepEqual(rows.map(({ mailbox }) => mailbox).sort(), [
      "Drafts",
      "INBOX",
      "Sent",
      "Trash",
    ]);
  } finally {
    await server.stop();
  }
}

test("the compiled command › without a runtime in PATH › serves, and asks its server", async () => {
  await checkCompiled(await compileCli(isArm64 ? "arm64" : "x64"));
});

test("the compiled command › for arm64, on another machine › runs in an emulator", {
  skip: isArm64,
}, async () => {
  const emulator = await ensureProgram("qemu-aarch64-static");
  await checkCompiled(emulator, "-L", arm64Root, await compileCli("arm64"));
});
