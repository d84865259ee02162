/**
 * Compares listing and counting a large folder with `readdir` and a `stat` of each file.
 *
 * All are timed in turns in one run. The result is the ratio of their medians: how many times as long
 * it takes. `deno task bench` runs it on Deno, Node and Bun; its argument is a maildir whose inbox has
 * many mails, with a folder "Unsized" of the same mails without sizes in their file names.
 *
 * @module
 */

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { Maildir } from "../extractor/maildir/maildir.ts";

/** The goal: the longest time of the first page by date, in multiples of the bare calls' time. */
const most = 10;

const rounds = 5;

const path = argv[2];
const page = { folder: "", start: 0, end: 50 };
const remembering = Maildir.open(path);

/** Reads the directory and the status of each file. */
function bare(): void {
  const directory = `${path}/cur`;
  let size = 0;
  for (const name of readdirSync(directory)) size += statSync(`${directory}/${name}`).size;
  if (size === 0) throw new Error("there are no mails");
}

/** The timed functions by name; all but the last begin with an empty cache. */
const acts: Readonly<Record<string, () => unknown>> = {
  "readdir and stat": bare,
  "first page by date": () => Maildir.open(path).list({ ...page, sortBy: "!date" }),
  "first page by size": () => Maildir.open(path).list({ ...page, sortBy: "!size" }),
  "first page by sender": () => Maildir.open(path).list({ ...page, sortBy: "sender" }),
  "count": () => Maildir.open(path).count(""),
  "count, no sizes in names": () => Maildir.open(path).count("Unsized"),
  "10,000 more counts": () => {
    for (let number = 0; number < 10_000; number++) remembering.count("");
  },
};

/** The peak memory of a function, in MiB above the memory before it; only on Linux. */
function peakMemory(act: () => unknown): number {
  try {
    // Resets the peak.
    writeFileSync("/proc/self/clear_refs", "5");
    const before = residentPeak();
    act();
    return residentPeak() - before;
  } catch {
    return NaN;
  }
}

function residentPeak(): number {
  const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  return Math.round(Number(peak) / 1024);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

const memory = peakMemory(acts["first page by date"]);
const times: Record<string, number[]> = {};
for (let round = 0; round < rounds; round++) {
  for (const [name, act] of Object.entries(acts)) {
    const start = performance.now();
    act();
    (times[name] ??= []).push(performance.now() - start);
  }
}
const base = median(times["readdir and stat"]);
console.table(
  Object.entries(times).map(([name, values]) => {
    const ratio = median(values) / base;
    return {
      act: name,
      milliseconds: Math.round(median(values)),
      "times readdir and stat": Number(ratio.toFixed(2)),
      met: name === "first page by date" ? ratio < most : "",
    };
  }),
);
console.log(`The first page by date took ${memory} MiB at most, once the program was loaded.`);
