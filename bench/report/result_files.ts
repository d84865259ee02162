/**
 * The files of results: `bench/results/NAME.json`, a bench each.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { benches } from "../benches.ts";
import { type BenchResult, type RunResult, RUNTIMES } from "../harness/results.ts";

/** The path of a file in `bench/results/`. */
export function resultPath(name: string): string {
  return fileURLToPath(new URL(`../results/${name}`, import.meta.url));
}

/** The results that there are, in the order of the benches. */
export function readResults(): readonly BenchResult[] {
  return Object.keys(benches).flatMap((bench) => {
    const path = resultPath(`${bench}.json`);
    return existsSync(path) ? [JSON.parse(readFileSync(path, "utf8")) as BenchResult] : [];
  });
}

/** Writes the runs of a bench; those of other runtimes stay. */
export function writeRuns(bench: string, runs: readonly RunResult[]): void {
  const before = readResults().find((result) => result.bench === bench)?.runs ?? [];
  const all = RUNTIMES.flatMap((runtime) =>
    [...runs, ...before].find((run) => run.runtime === runtime) ?? []
  );
  const result: BenchResult = { bench, title: benches[bench].title, runs: all };
  mkdirSync(resultPath(""), { recursive: true });
  writeFileSync(resultPath(`${bench}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
}
