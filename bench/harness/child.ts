/**
 * Runs a bench, or one of its parts, in this process, and prints the result as JSON.
 *
 * @module
 */

import process from "node:process";
import { type Bench, Run, type RunOptions } from "./bench.ts";
import { tell } from "./program.ts";

/** The task of this process. */
export interface ChildTask extends RunOptions {
  /** The bench's name, that of its module. */
  readonly bench: string;
  /** The part; all if left out. */
  readonly part?: string;
}

/** Runs what a task names. */
export async function runTask({ bench: name, part, ...options }: ChildTask): Promise<Run> {
  const { bench }: { bench: Bench } = await import(`../${name}.ts`);
  const run = new Run(options);
  for (const name of part === undefined ? Object.keys(bench.parts) : [part]) {
    await bench.parts[name](run);
  }
  return run;
}

if (import.meta.main) {
  const run = await runTask(JSON.parse(process.argv[2]));
  tell(run.result);
  process.exit();
}
