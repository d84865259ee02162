/**
 * The static checks: each is one run of Deno, passes or fails, and counts as one test.
 *
 * @module
 */

import { join } from "node:path";
import type { Job } from "./jobs.ts";
import { REPORTS, ROOT } from "./paths.ts";
import { run, show } from "./processes.ts";
import type { Summary } from "./summary.ts";

/** A static check. */
interface Check {
  /** Its name. */
  readonly name: string;
  /** Deno's arguments, given the modules that the packages export. */
  readonly args: (entries: readonly string[]) => readonly string[];
  /** Whether only a test suite that names it runs it. */
  readonly isExtra?: true;
}

/** All static checks, the longest ones first. */
const CHECKS: readonly Check[] = [
  { name: "types", args: () => ["check"] },
  {
    name: "examples",
    args: () => [
      ...["test", "--doc", "--allow-all"],
      ...["core", "transports", "doveadm", "extractor", "fleet", "sweep", "testing"],
      "mod.ts",
    ],
    isExtra: true,
  },
  { name: "format", args: () => ["fmt", "--check"] },
  { name: "lint", args: () => ["lint"] },
  // Not the declarations of npm packages.
  { name: "documentation", args: (entries) => ["doc", "--lint", "--no-npm", ...entries] },
  // Also finds the dead links of the documentation.
  { name: "site", args: () => ["run", "--allow-all", "scripts/site.ts"], isExtra: true },
  // The check of the types has checked them.
  { name: "publishable", args: () => ["publish", "--dry-run", "--allow-dirty", "--no-check"] },
];

/** The time limit of a check, in milliseconds. */
const TIMEOUT = 600_000;

/**
 * The jobs that run the checks of these names, or the usual ones if there are none; the summary gets the
 * outcomes.
 */
export async function checkJobs(
  summary: Summary,
  names: readonly string[] | undefined,
  isMeasured: boolean,
): Promise<readonly Job[]> {
  const checks = CHECKS.filter(({ name, isExtra }) => names?.includes(name) ?? !isExtra);
  if (checks.length === 0) return [];
  summary.setVersion("checks", Deno.version.deno);
  const entries = await readEntries();
  return checks.map(({ name, args }) => ({
    needs: [],
    run: () => runCheck(name, args(entries), summary, isMeasured),
  }));
}

async function runCheck(
  name: string,
  args: readonly string[],
  summary: Summary,
  isMeasured: boolean,
): Promise<void> {
  const start = performance.now();
  const log = join(REPORTS, "checks", `${name}.log`);
  const { problem, cpu } = await run(Deno.execPath(), args, { log, timeout: TIMEOUT, isMeasured });
  const seconds = (performance.now() - start) / 1000;
  if (problem !== undefined) await show(log);
  console.log(`${problem ? "FAILED" : "ok    "} checks ${name}: ${seconds.toFixed(1)} s`);
  summary.add({
    row: "checks",
    tests: problem === undefined ? [{ name, file: "", outcome: "passed", seconds }] : [],
    problems: problem === undefined ? [] : [`${name}: deno ${args[0]} ${problem}`],
    ...{ seconds, cpu: cpu && { what: name, time: cpu } },
  });
}

/** The modules that the packages export, the main package's first. */
async function readEntries(): Promise<readonly string[]> {
  const { workspace = [] } = await readManifest(".");
  const entries: string[] = [];
  for (const folder of [".", ...workspace]) {
    const { exports } = await readManifest(folder);
    entries.push(...Object.values(exports).map((path) => join(folder, path)));
  }
  return entries;
}

/** The content of a package's deno.json. */
interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  /** The folders of the other packages, in the main one's. */
  readonly workspace?: readonly string[];
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(join(ROOT, folder, "deno.json")));
}
