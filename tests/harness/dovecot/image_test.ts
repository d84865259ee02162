import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { IMAGE_SCRIPT } from "./image.ts";

/** A cache folder to create images in. */
interface Script {
  /** Path of the cache folder. */
  readonly cache: string;
  /** Sets the shell script that replaces debootstrap. */
  readonly bootstrap: (text: string) => Promise<void>;
  /** Runs IMAGE_SCRIPT; resolves to its exit status. */
  readonly run: (mark: string) => Promise<number>;
}

/** Creates a folder, and runs IMAGE_SCRIPT there with a debootstrap that only writes a file. */
async function withScript(act: (script: Script) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "image"));
  try {
    const cache = join(folder, "cache");
    await mkdir(cache);
    const program = join(folder, "debootstrap");
    await writeFile(program, "");
    await chmod(program, 0o755);
    await act({
      cache,
      bootstrap: (text) => writeFile(program, `#!/bin/sh -e\n${text}\n`),
      run: (mark) => {
        const args = [cache, join(cache, "image"), mark, "suite", "one,two"];
        const child = spawn("sh", ["-euc", IMAGE_SCRIPT, "sh", ...args], {
          env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
          stdio: "ignore",
        });
        return new Promise((resolve) => child.once("exit", resolve));
      },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const BOOTSTRAP = 'mkdir -p "$4/etc"; echo "$2 $3" >"$4/etc/made"';

test("Dovecot image › several runs › create it once, and again for another content", async () => {
  await withScript(async ({ cache, bootstrap, run }) => {
    await bootstrap(BOOTSTRAP);
    assert.equal(await run("1"), 0);
    assert.deepEqual(await readdir(cache), ["image"]);
    const made = await readFile(join(cache, "image", "etc", "made"), "utf8");
    assert.equal(made, "--include=one,two suite\n");
    await bootstrap(`${BOOTSTRAP}; echo more >"$4/etc/more"`);
    assert.equal(await run("1"), 0);
    assert.ok(!(await readdir(join(cache, "image", "etc"))).includes("more"));
    assert.equal(await run("2"), 0);
    assert.deepEqual(await readdir(cache), ["image"]);
    const files = await readdir(join(cache, "image", "etc"));
    assert.deepEqual(files.sort(), ["dovewire-image", "made", "more"]);
  });
});

test("Dovecot image › a failed creation › leaves none, and the next run creates it", async () => {
  await withScript(async ({ cache, bootstrap, run }) => {
    await bootstrap('mkdir -p "$4/half"; exit 3');
    assert.notEqual(await run("1"), 0);
    assert.deepEqual(await readdir(cache), ["image.part"]);
    await bootstrap(BOOTSTRAP);
    assert.equal(await run("1"), 0);
    assert.deepEqual(await readdir(cache), ["image"]);
    assert.deepEqual(await readdir(join(cache, "image")), ["etc"]);
  });
});

test("Dovecot image › several processes at once › create one", async () => {
  await withScript(async ({ cache, bootstrap, run }) => {
    await bootstrap(`mkdir "${cache}/once"; ${BOOTSTRAP}`);
    assert.deepEqual(await Promise.all([run("1"), run("1"), run("1")]), [0, 0, 0]);
    assert.deepEqual((await readdir(cache)).sort(), ["image", "once"]);
  });
});
