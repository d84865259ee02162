/**
 * How each runtime runs test files.
 *
 * @module
 */

import { join } from "node:path";
import { findBun, findNode, type NodeMajor } from "../tools.ts";
import { CACHE } from "./paths.ts";
import type { RuntimeName } from "./plan.ts";

/** A runtime that tests run on. */
export interface Runtime {
  /** Finds its program, which is installed if it is missing; rejects where that can't be done. */
  readonly find: () => Promise<string>;
  /** What its environment has besides ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it runs the tests as JavaScript that was compiled for the package for npm. */
  readonly isCompiled: boolean;
  /** The arguments to run these files, one after the other, and to write a report. */
  readonly args: (files: readonly string[], report: string) => readonly string[];
}

/** How long one test may take where the runtime can stop it, in milliseconds. */
const TEST_TIMEOUT = 120_000;

/** The runtimes by name. */
export const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
  deno: {
    find: () => Promise.resolve(Deno.execPath()),
    isCompiled: false,
    // The types are checked among the static checks. Not with --parallel: it runs files as threads of
    // one process, and tests that count its sockets would count each other's.
    args: (files, report) => [
      ...["test", "--allow-all", "--no-check", "--quiet", `--junit-path=${report}`],
      ...files,
    ],
  },
  node: node(24),
  bun: {
    find: findBun,
    isCompiled: false,
    args: (files, report) => [
      // Not with --parallel: its workers have a socket to their parent, which tests would count.
      ...["test", `--timeout=${TEST_TIMEOUT}`],
      ...["--reporter=junit", `--reporter-outfile=${report}`],
      // Without the dot a path is taken for a pattern.
      ...files.map((file) => `./${file}`),
    ],
  },
  node20: node(20),
  node26: node(26),
};

function node(major: NodeMajor): Runtime {
  return {
    find: () => findNode(major),
    // Saves half of what it takes to start: the types are stripped and the modules compiled already.
    env: { NODE_COMPILE_CACHE: join(CACHE, "node-modules-compiled") },
    // Node 20 can't run TypeScript.
    isCompiled: major === 20,
    args: (files, report) => [
      // Not with --test-force-exit: what it cuts off is missing from the report. Node 20 has only a
      // process for each file, and there the time goes for a file as well.
      ...(major === 20 ? ["--test"] : ["--test", "--test-isolation=none"]),
      `--test-timeout=${major === 20 ? 600_000 : TEST_TIMEOUT}`,
      ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
      ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
      ...files,
    ],
  };
}
