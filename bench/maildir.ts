/**
 * Listing and counting a folder of very many small mails, beside `readdir` and a `stat` of each file.
 *
 * @module
 */

import { linkSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { Maildir } from "../extractor/maildir/maildir.ts";
import { temporaryFolder } from "../tests/harness/sockets.ts";
import type { Bench, Run } from "./harness/bench.ts";

/** The least ratio of the first page by date. */
const LEAST = 0.1;

/** Creates a maildir with so many mails, and a folder that has them without sizes in their names. */
function fillMaildir(path: string, count: number): void {
  for (const name of ["cur", "new", "tmp", ".Unsized/cur", ".Unsized/new", ".Unsized/tmp"]) {
    mkdirSync(`${path}/${name}`, { recursive: true });
  }
  for (let number = 0; number < count; number++) {
    const seconds = 1_700_000_000 + number;
    // As if delivered in random order by some thousand senders.
    const sender = number * 7919 % 1000;
    const mail = `From: Somebody <${sender}@example.org>\nSubject: Mail ${number}\n\nHello.\n`;
    const unique = `${seconds}.M${number}P1234.host.example.org`;
    const file = `${path}/cur/${unique},S=${mail.length}:2,S`;
    writeFileSync(file, mail);
    utimesSync(file, seconds, seconds);
    linkSync(file, `${path}/.Unsized/cur/${unique}:2,S`);
  }
}

/** Reads the directory and the status of each file. */
function readBare(path: string): void {
  const directory = `${path}/cur`;
  let size = 0;
  for (const name of readdirSync(directory)) size += statSync(`${directory}/${name}`).size;
  if (size === 0) throw new Error("there are no mails");
}

async function largeFolder(run: Run): Promise<void> {
  const count = run.size(50_000, 20);
  await using folder = await temporaryFolder();
  const { path } = folder;
  fillMaildir(path, count);
  const page = { folder: "", start: 0, end: 50 };
  const firstPage = (sortBy: string) => () => Maildir.open(path).list({ ...page, sortBy });
  const remembering = Maildir.open(path);
  await run.compare({
    name: "a folder",
    ...{ amount: count, unit: "mails", seconds: 6, leastRounds: 2 },
    // All but the last begin with an empty cache.
    ways: {
      "readdir and stat": () => readBare(path),
      "first page by date": firstPage("!date"),
      "first page by size": firstPage("!size"),
      "first page by sender": firstPage("sender"),
      "count": () => Maildir.open(path).count(""),
      "count, no sizes in names": () => Maildir.open(path).count("Unsized"),
      "another count": () => remembering.count(""),
    },
    goals: { "first page by date": { least: LEAST } },
  });
}

/** The bench. */
export const bench: Bench = { title: "A large folder", parts: { largeFolder } };
