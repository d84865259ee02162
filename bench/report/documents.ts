/**
 * Writes what is made of the results.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BenchResult } from "../harness/results.ts";
import { chartOf } from "./chart.ts";
import { longSection, shortSection, withSection } from "./readme.ts";
import { readResults, resultPath } from "./result_files.ts";
import { details } from "./tables.ts";

/** The documents, and their sections. */
const DOCUMENTS: readonly (readonly [string, (results: readonly BenchResult[]) => string])[] = [
  ["../README.md", longSection],
  ["../../README.md", shortSection],
];

/** Writes the tables and the chart of a bench to `bench/results/`. */
export function writeReports(bench: string): void {
  const result = readResults().find((it) => it.bench === bench);
  if (result === undefined) return;
  writeFileSync(resultPath(`${bench}.md`), details(result));
  const chart = chartOf(result);
  if (chart !== undefined) writeFileSync(resultPath(`${bench}.svg`), chart);
}

/**
 * Writes the reports of all benches, and the sections of the documents, of which it returns the paths; throws for one
 * that has no place.
 */
export function writeDocuments(): readonly string[] {
  const results = readResults();
  for (const { bench } of results) writeReports(bench);
  return DOCUMENTS.map(([document, section]) => {
    const path = fileURLToPath(new URL(document, import.meta.url));
    writeFileSync(path, withSection(readFileSync(path, "utf8"), section(results)));
    return path;
  });
}
