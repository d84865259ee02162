/**
 * Adds up the outcomes, and prints them.
 *
 * @module
 */

import type { CpuTime } from "./processes.ts";
import type { Test } from "./report.ts";

/** The outcome of a job. */
export interface Outcome {
  /** Its row of the table: a runtime, or "checks". */
  readonly row: string;
  /** The tests that ran. */
  readonly tests: readonly Test[];
  /** Other problems, each as a sentence. */
  readonly problems: readonly string[];
  /** Its duration in seconds. */
  readonly seconds: number;
  /** What it ran and the CPU time that it took, if that was measured. */
  readonly cpu?: { readonly what: string; readonly time: CpuTime };
}

/** How many of the slowest files are shown. */
const SLOWEST = 10;

/** All outcomes, row by row. */
export class Summary {
  readonly #rows = new Map<string, Outcome[]>();
  readonly #versions = new Map<string, string>();

  /** Counts an outcome. */
  add(outcome: Outcome): void {
    this.#outcomesOf(outcome.row).push(outcome);
  }

  /** Counts a problem outside a job. */
  addProblem(row: string, problem: string): void {
    this.add({ row, tests: [], problems: [problem], seconds: 0 });
  }

  /** Notes the version of a row's program. */
  setVersion(row: string, version: string): void {
    this.#outcomesOf(row);
    this.#versions.set(row, version);
  }

  #outcomesOf(row: string): Outcome[] {
    let outcomes = this.#rows.get(row);
    if (outcomes === undefined) this.#rows.set(row, outcomes = []);
    return outcomes;
  }

  /**
   * Prints a table, the slowest files, skipped and failed tests, and "N passed, N failed" on the last line;
   * returns whether nothing failed. If it is strict, a skipped test counts as failed.
   */
  print(isStrict: boolean): boolean {
    const counted = [...this.#rows].map(([row, outcomes]) => ({ row, ...count(outcomes) }));
    this.#printTable(counted);
    this.#printSlowest();
    const why = isStrict ? ", which fails in CI" : "";
    for (const { row, skipped } of counted) {
      for (const test of skipped) console.log(`skipped on ${row}${why}: ${test}`);
    }
    for (const { row, failed } of counted) {
      for (const test of failed) console.log(`failed on ${row}: ${test}`);
    }
    const passed = counted.reduce((sum, it) => sum + it.passed, 0);
    const failures = counted.reduce(
      (sum, { failed, skipped }) => sum + failed.length + (isStrict ? skipped.length : 0),
      0,
    );
    console.log(`${passed} passed, ${failures} failed`);
    return failures === 0;
  }

  /**
   * Prints the CPU time of each job that was measured, the longest first, of each row, and of what no job has
   * of `total`: installing and building.
   */
  printTimes(total: CpuTime | undefined): void {
    const jobs: (CpuTime & { readonly name: string })[] = [];
    const sums: (CpuTime & { readonly name: string })[] = [];
    for (const [row, outcomes] of this.#rows) {
      const measured = outcomes.flatMap(({ cpu }) => cpu ?? []);
      if (measured.length === 0) continue;
      jobs.push(...measured.map(({ what, time }) => ({ name: `${row} ${what}`, ...time })));
      sums.push({ name: row, ...sumUp(measured.map(({ time }) => time)) });
    }
    const counted = sumUp(sums);
    if (total !== undefined) {
      const [user, system] = [total.user - counted.user, total.system - counted.system];
      sums.push({ name: "the rest", user, system }, { name: "all", ...total });
    }
    const cost = ({ user, system }: CpuTime) => user + system;
    jobs.sort((a, b) => cost(b) - cost(a));
    console.log("\nCPU time in seconds: all, user, system");
    for (const time of [...sums, ...jobs]) {
      const cells = [cost(time), time.user, time.system].map((it) => it.toFixed(1).padStart(8));
      console.log(`${cells.join("")} ${time.name}`);
    }
  }

  #printTable(counted: readonly ({ readonly row: string } & Count)[]): void {
    const rows = [
      ["runtime", "version", "passed", "failed", "skipped", "seconds"],
      ...counted.map(({ row, passed, failed, skipped, seconds }) => [
        row,
        this.#versions.get(row) ?? "-",
        ...[passed, failed.length, skipped.length].map(String),
        seconds.toFixed(1),
      ]),
    ];
    console.log();
    for (const row of rows) {
      const cells = row.map((cell, column) => column < 2 ? cell.padEnd(8) : cell.padStart(8));
      console.log(cells.join(" "));
    }
  }

  #printSlowest(): void {
    const files: { readonly name: string; readonly seconds: number }[] = [];
    for (const [row, outcomes] of this.#rows) {
      for (const { tests, seconds } of outcomes) {
        const times = new Map<string, number>();
        for (const { file, seconds } of tests) times.set(file, (times.get(file) ?? 0) + seconds);
        for (const [file, time] of times) {
          // A file alone in its process takes longer than its tests.
          if (file === "") continue;
          files.push({ name: `${row} ${file}`, seconds: times.size === 1 ? seconds : time });
        }
      }
    }
    files.sort((a, b) => b.seconds - a.seconds);
    console.log("\nThe slowest files, in seconds:");
    for (const { name, seconds } of files.slice(0, SLOWEST)) {
      console.log(`${seconds.toFixed(1).padStart(8)} ${name}`);
    }
    console.log();
  }
}

function sumUp(times: readonly CpuTime[]): CpuTime {
  const user = times.reduce((sum, time) => sum + time.user, 0);
  return { user, system: times.reduce((sum, time) => sum + time.system, 0) };
}

/** The sum of outcomes. */
interface Count {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  readonly seconds: number;
}

function count(outcomes: readonly Outcome[]): Count {
  const tests = outcomes.flatMap(({ tests }) => tests);
  const of = (outcome: Test["outcome"]) => tests.filter((test) => test.outcome === outcome);
  return {
    passed: of("passed").length,
    failed: [...of("failed").map(title), ...outcomes.flatMap(({ problems }) => problems)],
    skipped: of("skipped").map(title),
    seconds: outcomes.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

function title({ name, file }: Test): string {
  return file === "" ? name : `${file}: ${name}`;
}
