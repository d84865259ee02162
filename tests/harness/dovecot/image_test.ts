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
  /** Sets the shell script that runs when apt is to download packages, in the image's folder. */
  readonly bootstrap: (text: string) => Promise<void>;
  /** Runs IMAGE_SCRIPT; resolves to its exit status. */
  readonly run: (mark: string) => Promise<number>;
}

/** What the script takes from packages. */
const CONTENT = "mkdir -p etc dev usr/share/base-passwd usr/share/dovecot/conf.d\n" +
  "touch usr/share/base-passwd/passwd.master usr/share/base-passwd/group.master\n" +
  "touch usr/share/dovecot/dovecot.conf var/cache/apt/archives/one_1.deb\n";

/** Creates a folder, and runs IMAGE_SCRIPT there with an apt that writes some files. */
async function withScript(act: (script: Script) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "image"));
  try {
    const cache = join(folder, "cache");
    await mkdir(cache);
    const program = async (name: string, text: string) => {
      await writeFile(join(folder, name), `#!/bin/sh -e\n${text}\n`);
      await chmod(join(folder, name), 0o755);
    };
    await program("dpkg-deb", "tar -c -T /dev/null");
    // Only root can do these.
    for (const name of ["mknod", "ldconfig"]) await program(name, "");
    await act({
      cache,
      bootstrap: (text) =>
        program(
          "apt-get",
          `case "$*" in *--download-only*) ;; *) exit 0 ;; esac\n${CONTENT}${text}`,
        ),
      run: (mark) => {
        const args = [cache, join(cache, "image"), mark, "suite", "one", "two"];
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

const BOOTSTRAP = 'echo "$(cut -d" " -f 4- var/lib/apt/sources.list)" "${*##*install }" >etc/made';

test("Dovecot image › several runs › create it once, and again for another content", async () => {
  await withScript(async ({ cache, bootstrap, run }) => {
    await bootstrap(BOOTSTRAP);
    assert.equal(await run("1"), 0);
    assert.deepEqual(await readdir(cache), ["image"]);
    const made = await readFile(join(cache, "image", "etc", "made"), "utf8");
    assert.equal(made, "suite main --download-only one two\n");
    await bootstrap(`${BOOTSTRAP}; echo more >etc/more`);
    assert.equal(await run("1"), 0);
    assert.ok(!(await readdir(join(cache, "image", "etc"))).includes("more"));
    assert.equal(await run("2"), 0);
    assert.deepEqual(await readdir(cache), ["image"]);
    const files = await readdir(join(cache, "image", "etc"));
    assert(["dovewire-image", "made", "more"].every((name) => files.includes(name)), `${files}`);
  });
});

test("Dovecot image › a failed creation › leaves none, and the next run creates it", async () => {
  await withScript(async ({ cache, bootstrap, run }) => {
    await bootstrap("exit 3");
    assert.notEqual(await run("1"), 0);
    assert.deepEqual(await readdir(cache), ["image.part"]);
    await bootstrap(BOOTSTRAP);
    assert.equal(await run("1"), 0);
    assert.deepEqual(await readdir(cache), ["image"]);
    assert((await readdir(join(cache, "image"))).includes("etc"));
  });
});

test("Dovecot image › several processes at once › create one", async () => {
  await withScript(async ({ cache, bootstrap, run }) => {
    await bootstrap(`mkdir "${cache}/once"; ${BOOTSTRAP}`);
    assert.deepEqual(await Promise.all([run("1"), run("1"), run("1")]), [0, 0, 0]);
    assert.deepEqual((await readdir(cache)).sort(), ["image", "once"]);
  });
});
