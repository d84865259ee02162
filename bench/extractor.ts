/**
 * Compares `count` requests to the program `extractor` in version 3, all pipelined to one process, and in
 * version 2, with a process for each.
 *
 * The two are timed in turns in one run, by the client, each from before the first process starts until
 * the last has ended. The folder doesn't change, so that one process for many requests reads it only once:
 * that is part of the gain. The result is the ratio of the medians of the requests a second.
 * `deno task bench` runs it on Deno, Node and Bun; the program runs on the same runtime.
 *
 * @module
 */

import assert from "node:assert/strict";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openExtractor } from "../extractor/client/extractor.ts";

/** The goal: the least ratio. */
const least = 20;

const rounds = 3;
const mails = 100;

/**
 * How many requests of each version are timed in a round: few of version 2, which is slow. Results are per
 * request.
 */
const amounts = { 3: 10_000, 2: 10 } as const;

const isRoot = process.geteuid?.() === 0;

/** The program refuses to run as root, so that another user has to own the mails. */
const systemUser = isRoot ? "nobody" : userInfo().username;

const program = fileURLToPath(new URL("../extractor/program/extractor.ts", import.meta.url));
const command = "Deno" in globalThis
  ? [process.execPath, "run", "--allow-all", "--no-check", program]
  : [process.execPath, program];

/** Creates a folder with a maildir in it. */
async function makeMaildir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dovewire-bench-"));
  const folders = ["", "joe", "joe/cur", "joe/new", "joe/tmp"].map((name) => join(folder, name));
  for (const path of folders.slice(1)) await mkdir(path);
  if (isRoot) { for (const path of folders) await chown(path, 65534, 65534); }
  for (let at = 0; at < mails; at++) {
    await writeFile(
      join(folder, "joe/cur", `${1_700_000_000 + at}.M1P1.bench:2,S`),
      "Subject: x\n\ny\n",
    );
  }
  return folder;
}

/** Sends so many requests, and returns the requests a second. */
async function time(maildir: string, version: 2 | 3): Promise<number> {
  const amount = amounts[version];
  const start = performance.now();
  const extractor = openExtractor({ command, maildir, systemUser, mailUser: "joe", version });
  const counts = await Promise.all(Array.from({ length: amount }, () => extractor.count()));
  await extractor.close();
  const elapsed = performance.now() - start;
  assert(counts.every(({ count }) => count === mails));
  return amount / elapsed * 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

const maildir = await makeMaildir();
try {
  const speeds = { 3: [] as number[], 2: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const version of [3, 2] as const) speeds[version].push(await time(maildir, version));
  }
  const [pipelined, single] = [median(speeds[3]), median(speeds[2])];
  const ratio = pipelined / single;
  console.table([{
    contest: `${amounts[3]} pipelined counts`,
    "version 3, requests/s": Math.round(pipelined),
    "version 2, requests/s": Number(single.toFixed(1)),
    ratio: Number(ratio.toFixed(0)),
    least,
    met: ratio >= least,
  }]);
} finally {
  await rm(maildir, { recursive: true });
}
