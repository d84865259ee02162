/**
 * The parts of documents that are made of the results, between two comments.
 *
 * @module
 */

import type { BenchResult } from "../harness/results.ts";
import {
  type Miss,
  missesOf,
  placeOf,
  RUNTIME_NAMES,
  shownRatio,
  summary,
  table,
} from "./tables.ts";

const BEGIN = "<!-- bench: written by `deno task bench --readme` -->";
const END = "<!-- /bench -->";

const HOME = "https://github.com/dovewire/dovewire/blob/main/bench";

/** What README.md shows: a comparison of a bench, a way, and what it is called there. */
const HIGHLIGHTS: readonly (readonly [string, string, string, string])[] = [
  [
    "commands",
    "mailbox list, one after the other",
    "DoveadmConnection",
    "a command on a connection",
  ],
  ["commands", "mailbox list, one after the other", "Doveadm.run", "the same, typed"],
  ["commands", "mailbox list, 64 callers", "Doveadm.run", "typed, 64 callers"],
  ["cold", "mailbox list, a connection or process for each", "doveadm", "`doveadm` as a process"],
  ["replies", "replies of 1 GiB, not framed", "streamed", "1 GiB streamed"],
  [
    "replies",
    "replies of 1 GiB, not framed",
    "streamed, reuseBuffer",
    "the same, chunks that share memory",
  ],
  ["save", "a mail of 1 GiB", "Doveadm.send", "`save` of 1 GiB"],
];

/** Replaces what is between the two comments of a document; throws if it lacks them. */
export function withSection(document: string, section: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) {
    throw new Error(
      `The document lacks a place for results. Put "${BEGIN}" and "${END}" on lines of their own.`,
    );
  }
  return `${document.slice(0, begin + BEGIN.length)}\n\n${section}\n\n${document.slice(end)}`;
}

/** The section of README.md: a few ratios, and where we lose. */
export function shortSection(results: readonly BenchResult[]): string {
  const runtimes = (["deno", "node", "bun"] as const).filter((runtime) =>
    results.some(({ runs }) => runs.some((run) => run.runtime === runtime))
  );
  const rows = HIGHLIGHTS.map(([bench, comparison, way, title]) => [
    title,
    ...runtimes.map((runtime) => {
      const run = results.find((it) => it.bench === bench)?.runs
        .find((it) => it.runtime === runtime);
      const found = run?.comparisons.find(({ name }) => name === comparison)?.ways
        .find((it) => it.way === way);
      return found === undefined
        ? ""
        : `${shownRatio(found.ratio)} (${shownRatio(found.cpuRatio)})`;
    }),
  ]);
  return [
    "Rates beside a bare socket's on the same runtime, and in parentheses the CPU time beside its:",
    table(["", ...runtimes.map((runtime) => RUNTIME_NAMES[runtime])], rows),
    `${lossesOf(missesOf(results))} [All figures](${HOME}/README.md), and how to repeat them.`,
  ].join("\n\n");
}

/** A sentence about what misses its goal. */
function lossesOf(misses: readonly Miss[]): string {
  if (misses.length === 0) return "Everything meets its goal.";
  const limited = misses.filter(({ isAtLimit }) => isAtLimit).length;
  const worst = new Map<string, number>();
  for (const { bench } of misses) worst.set(bench, (worst.get(bench) ?? 0) + 1);
  const counts = [...worst].map(([bench, count]) => `${bench} (${count})`);
  const sum = `We miss our own goals in ${misses.length} figures: ${counts.join(", ")}.`;
  if (limited === 0) return sum;
  return `${sum} In ${limited} of them a bare program does hardly better.`;
}

/** The section of bench/README.md: where we lose, and all ratios. */
export function longSection(results: readonly BenchResult[]): string {
  const misses = missesOf(results);
  return [
    "### Where we lose",
    misses.length === 0 ? "Everything meets its goal." : table(
      ["", "runtime", "goal", "found", "a bare program"],
      misses.map(({ bench, name, runtime, goal, found, possible = "" }) => [
        ...[`[${bench}](results/${bench}.md): ${name}`, RUNTIME_NAMES[runtime], goal, found],
        possible,
      ]),
    ),
    ...results.flatMap((result) => [
      `### ${result.title}`,
      `[${result.bench}.ts](${result.bench}.ts), [in full](results/${result.bench}.md)`,
      summary(result),
    ]),
    "### Where they were measured",
    [...new Set(results.flatMap(({ runs }) => runs.map(placeOf)))].join("\n"),
  ].join("\n\n");
}
