/**
 * Runs benches on Deno, Node and Bun: all of them, or those that are named; and writes the results to
 * `bench/results/`.
 *
 * Options: `--runtime=deno,node,bun`; `--smoke`, tiny sizes, and `--once`, one round, of which no results are kept;
 * `--perl=FILE`, a client in Perl to compare with; `--readme` runs nothing, and only writes what is made of the
 * results there are.
 *
 * @module
 */

import { benches } from "../bench/benches.ts";
import type { ChildTask } from "../bench/harness/child.ts";
import { type RuntimeCommand, runtimeCommands } from "../bench/harness/program.ts";
import { type RunResult, type RuntimeName, RUNTIMES } from "../bench/harness/results.ts";
import { writeDocuments, writeReports } from "../bench/report/documents.ts";
import { writeRuns } from "../bench/report/result_files.ts";
import { endWhenTold } from "./signals.ts";
import { findBun, findNode, run } from "./tools.ts";

/** What the command line asks for. */
interface Wanted {
  readonly names: readonly string[];
  readonly runtimes: readonly RuntimeName[] | undefined;
  readonly isSmoke: boolean;
  readonly isOnce: boolean;
  readonly perl: string | undefined;
  readonly isReadme: boolean;
}

function readArguments(args: readonly string[]): Wanted {
  const names: string[] = [];
  let [runtimes, perl]: [RuntimeName[]?, string?] = [];
  let [isSmoke, isOnce, isReadme] = [false, false, false];
  for (const argument of args) {
    const [option, value = ""] = argument.split("=", 2);
    if (argument === "--smoke") isSmoke = true;
    else if (argument === "--once") isOnce = true;
    else if (argument === "--readme") isReadme = true;
    else if (option === "--perl" && value !== "") perl = value;
    else if (option === "--runtime") runtimes = value.split(",").map(runtimeOf);
    else if (Object.hasOwn(benches, argument)) names.push(argument);
    else refuse(argument);
  }
  if (names.length === 0) names.push(...Object.keys(benches));
  return { names, runtimes, isSmoke, isOnce: isOnce || isSmoke, perl, isReadme };
}

function runtimeOf(name: string): RuntimeName {
  return RUNTIMES.find((runtime) => runtime === name) ?? refuse(`--runtime=${name}`);
}

function refuse(argument: string): never {
  console.error(
    `${argument} is no bench and no option. Benches: ${Object.keys(benches).join(", ")}. ` +
      "Options: --runtime=deno,node,bun --smoke --once --perl=FILE --readme.",
  );
  Deno.exit(64);
}

const commands: Readonly<Record<RuntimeName, RuntimeCommand>> = {
  deno: runtimeCommands.deno(Deno.execPath()),
  node: runtimeCommands.node(await findNode()),
  bun: runtimeCommands.bun(await findBun()),
};

/** How long a process may take, in milliseconds: a minute is usual for the longest. */
const TIME_LIMIT = 300_000;

/** Ends the process that runs, when this one is told to end. */
const ending = new AbortController();

endWhenTold(() => ending.abort());

/** Runs a task in a process of a runtime; rejects if it fails, or takes too long. */
async function runTask(runtime: RuntimeName, task: ChildTask): Promise<RunResult> {
  const [command, ...args] = commands[runtime];
  const { success, stdout } = await new Deno.Command(command, {
    args: [...args, "bench/harness/child.ts", JSON.stringify(task)],
    ...{ stdout: "piped", stderr: "inherit" },
    signal: AbortSignal.any([ending.signal, AbortSignal.timeout(TIME_LIMIT)]),
  }).output();
  if (!success) throw new Error("The process failed, or took longer than five minutes.");
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

/** Runs a bench on a runtime. */
async function runBench(
  bench: string,
  runtime: RuntimeName,
  { isSmoke, isOnce, perl }: Wanted,
): Promise<RunResult> {
  const { isApart = false, parts } = benches[bench];
  const task: ChildTask = { bench, isSmoke, isOnce, perl, commands };
  if (!isApart || isSmoke) return await runTask(runtime, task);
  const results: RunResult[] = [];
  for (const part of Object.keys(parts)) results.push(await runTask(runtime, { ...task, part }));
  return {
    ...results[0],
    comparisons: results.flatMap(({ comparisons }) => comparisons),
    quantities: results.flatMap(({ quantities }) => quantities),
  };
}

/** Runs a bench on each runtime, and keeps the results of those that it ended on. */
async function runEverywhere(bench: string, wanted: Wanted): Promise<void> {
  const runs: RunResult[] = [];
  for (const runtime of wanted.runtimes ?? benches[bench].runtimes ?? RUNTIMES) {
    const begun = performance.now();
    try {
      runs.push(await runBench(bench, runtime, wanted));
    } catch (error) {
      console.error(`${bench} failed in ${runtime}.`, error);
      // The others may still be of use.
      Deno.exitCode = 1;
    }
    console.log(`${bench} in ${runtime}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
  if (wanted.isOnce || runs.length === 0) return;
  writeRuns(bench, runs);
  writeReports(bench);
}

const wanted = readArguments(Deno.args);
if (wanted.isReadme) await run(Deno.execPath(), ["fmt", "--quiet", ...writeDocuments()], ".");
else for (const name of wanted.names) await runEverywhere(name, wanted);
