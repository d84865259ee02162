/**
 * Runs the static checks, and the test suite: on Deno, Node 24 and Bun, and the parts that may differ on Node
 * 20 and Node 26. Node 20 and Node 22 test the npm package, the others the sources.
 *
 *     deno task test [--only=checks,deno,node,bun,node20,node22,node26] [--jobs=N] [--times] [--] [FILTER…]
 *
 * A filter is a part of a test file's path; without one all of them run. `--suite=` names another test suite:
 * "unit", "packages", "soak" and "docs" have tasks of their own, "any" is every file on every runtime that
 * `--only` names. `--jobs` is the number of parallel processes: two more than there are cores if left out,
 * since many tests mostly wait. `--times` prints the CPU time of each process that runs tests or checks, with
 * that of the programs that it started; it takes bash, and for the sum of all Linux.
 *
 * The last line of standard output is "N passed, N failed", summed up over all runtimes. With CI=true a skipped
 * test counts as failed.
 *
 * @module
 */

import { endWhenTold } from "./signals.ts";
import { checkJobs } from "./test/checks.ts";
import { findTests } from "./test/files.ts";
import { runJobs } from "./test/jobs.ts";
import {
  checksOf,
  isExhaustive,
  isPlanned,
  type RuntimeName,
  RUNTIMES,
  type Suite,
  SUITES,
} from "./test/plan.ts";
import { type CpuTime, endPrograms, run } from "./test/processes.ts";
import { Summary } from "./test/summary.ts";
import { type Assignment, TestJobs } from "./test/test_jobs.ts";

const USAGE = `Usage: deno task test [--only=${["checks", ...RUNTIMES]}] [--suite=${SUITES}] ` +
  "[--jobs=N] [--times] [--] [FILTER…]";

/** What `test:unit` says at its end. */
const LEFT_OUT =
  "\nRecordings, laws, fuzzers and examples are left out, since they compute for seconds: " +
  "name some of them, as in `deno task test:unit laws`, or run `deno task test`.";

/** The time limit of `deno install`, in milliseconds. */
const TIMEOUT = 600_000;

/** The parsed command line. */
interface Request {
  /** The static checks; the usual ones if there are no names. */
  readonly checks: readonly string[] | undefined;
  readonly only: readonly RuntimeName[];
  readonly suite: Suite;
  readonly jobs: number;
  readonly isMeasured: boolean;
  readonly filters: readonly string[];
}

/** Invalid arguments. */
class UsageError extends Error {}

function parseArgs(args: readonly string[]): Request {
  const names: readonly string[] = ["checks", ...RUNTIMES];
  let only = names;
  let suite: Suite = "all";
  let jobs = navigator.hardwareConcurrency + 2;
  const filters: string[] = [];
  let isMeasured = false;
  let areOptions = true;
  for (const arg of args) {
    const [, option, value] = areOptions ? /^(--[a-z]+)=(.+)$/.exec(arg) ?? [] : [];
    if (areOptions && arg === "--") {
      areOptions = false;
    } else if (areOptions && arg === "--times") {
      isMeasured = true;
    } else if (option === "--only") {
      only = value.split(",");
      const unknown = only.find((name) => !names.includes(name));
      if (unknown !== undefined) throw new UsageError(`There is no ${JSON.stringify(unknown)}.`);
    } else if (option === "--suite" && SUITES.some((name) => name === value)) {
      suite = value as Suite;
    } else if (option === "--jobs" && /^[1-9]\d?$/.test(value)) {
      jobs = Number(value);
    } else if (areOptions && arg.startsWith("-")) {
      throw new UsageError(`There is no option ${arg}.`);
    } else {
      filters.push(arg);
    }
  }
  return {
    checks: only.includes("checks") ? checksOf(suite) : [],
    only: RUNTIMES.filter((name) => only.includes(name)),
    ...{ suite, jobs, isMeasured, filters },
  };
}

/** Whether what computes for seconds is left out. */
function isQuick({ suite, filters }: Pick<Request, "suite" | "filters">): boolean {
  return suite === "unit" && filters.length === 0;
}

/** The files for each runtime. */
async function assign({ only, suite, filters }: Request): Promise<readonly Assignment[]> {
  const found = await findTests(filters);
  const files = isQuick({ suite, filters }) ? found.filter((file) => !isExhaustive(file)) : found;
  return only.map((runtime) => ({
    runtime,
    files: files.filter((file) => isPlanned(suite, runtime, file)),
  })).filter(({ files }) => files.length > 0);
}

/** The CPU time of this process and of all that it started; `undefined` where the kernel isn't Linux. */
async function cpuTime(): Promise<CpuTime | undefined> {
  const stat = await Deno.readTextFile("/proc/self/stat").catch(() => undefined);
  if (stat === undefined) return undefined;
  // After the name, which may contain spaces: utime, stime, cutime and cstime, in hundredths of a second.
  const [utime, stime, cutime, cstime] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    .slice(11, 15).map((ticks) => Number(ticks) / 100);
  return { user: utime + cutime, system: stime + cstime };
}

async function main(): Promise<boolean> {
  const request = parseArgs(Deno.args);
  const assignments = await assign(request);
  if (assignments.length === 0 && request.checks?.length === 0) {
    throw new UsageError("No test file matches.");
  }
  const summary = new Summary();
  // Fills node_modules for Node and Bun; Deno does it itself.
  if (request.only.some((runtime) => runtime !== "deno")) {
    const { problem } = await run(Deno.execPath(), ["install", "--quiet"], { timeout: TIMEOUT });
    if (problem !== undefined) summary.addProblem("setup", `"deno install" ${problem}`);
  }
  const { jobs, isMeasured } = request;
  const tests = new TestJobs(summary, jobs, isMeasured).jobsFor(assignments);
  const checks = await checkJobs(summary, request.checks, isMeasured);
  await runJobs([...checks, ...tests], jobs);
  if (isMeasured) summary.printTimes(await cpuTime());
  if (isQuick(request)) console.log(LEFT_OUT);
  return summary.print(Deno.env.get("CI") === "true");
}

if (import.meta.main) {
  endWhenTold(endPrograms);
  try {
    Deno.exit(await main() ? 0 : 1);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    Deno.exit(2);
  }
}
