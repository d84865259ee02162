/**
 * Requests to the program `extractor` in version 3, all pipelined to one process, beside version 2, with a
 * process for each; from before the first process starts until the last has ended.
 *
 * The folder doesn't change, so that one process for many requests reads it only once: that is part of the
 * gain.
 *
 * @module
 */

import assert from "node:assert/strict";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openExtractor } from "../extractor/client/extractor.ts";
import { temporaryFolder } from "../tests/harness/sockets.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { ownCommand } from "./harness/program.ts";
import type { Way } from "./harness/turns.ts";

/** The least ratio. */
const LEAST = 20;

const MAILS = 100;

const isRoot = process.geteuid?.() === 0;

/** The program refuses to run as root, so that another user has to own the mails. */
const systemUser = isRoot ? "nobody" : userInfo().username;
const NOBODY = 65534;

const program = fileURLToPath(new URL("../extractor/program/extractor.ts", import.meta.url));
const command = [...ownCommand, program];

/** Fills a folder with a maildir. */
async function fill(folder: string): Promise<void> {
  const folders = ["", "joe", "joe/cur", "joe/new", "joe/tmp"].map((name) => join(folder, name));
  for (const path of folders.slice(1)) await mkdir(path);
  if (isRoot) { for (const path of folders) await chown(path, NOBODY, NOBODY); }
  for (let at = 0; at < MAILS; at++) {
    const name = `${1_700_000_000 + at}.M1P1.bench:2,S`;
    await writeFile(join(folder, "joe/cur", name), "Subject: x\n\ny\n");
  }
}

async function counts(run: Run): Promise<void> {
  await using folder = await temporaryFolder();
  const maildir = folder.path;
  await fill(maildir);
  const amount = run.size(10_000, 2);
  /** Few of version 2, which is slow. */
  const few = run.size(5, 1);
  const requesting = (version: 2 | 3, count: number): Way => async (watch) => {
    watch.did(count / amount);
    const extractor = openExtractor({ command, maildir, systemUser, mailUser: "joe", version });
    const counts = await Promise.all(Array.from({ length: count }, () => extractor.count()));
    await extractor.close();
    assert(counts.every(({ count }) => count === MAILS));
  };
  await run.compare({
    name: "counts",
    ...{ amount, unit: "requests" },
    ways: {
      "a process for each (version 2)": requesting(2, few),
      "one process (version 3)": requesting(3, amount),
    },
    goals: { "one process (version 3)": { least: LEAST } },
  });
}

/** The bench. */
export const bench: Bench = { title: "A process for many requests", parts: { counts } };
