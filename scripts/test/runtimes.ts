/**
 * How each runtime runs test files.
 *
 * @module
 */

import { join } from "node:path";
import { findBun, findNode, type NodeMajor } from "../tools.ts";
import { atFullSize } from "../../tests/harness/soak.ts";
import { CACHE } from "./paths.ts";
import type { RuntimeName } from "./plan.ts";

/** A runtime for tests. */
export interface Runtime {
  /** Finds its program, and installs it if it is missing; rejects if that is impossible. */
  readonly find: () => Promise<string>;
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Whether several files are given to it as one that imports them: Deno starts an isolate for each
   * file, which takes longer than most of them.
   */
  readonly joinsFiles: boolean;
  /** Whether it runs the tests as JavaScript, compiled for the npm package. */
  readonly isCompiled: boolean;
  /** The arguments to run these files in sequence, and to write a report. */
  readonly args: (files: readonly string[], report: string) => readonly string[];
}

/** The time limit of one test if the runtime has one, in milliseconds; of a soak test, an hour. */
const TEST_TIMEOUT = atFullSize(3_600_000, 120_000);

/** The runtimes by name. */
export const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
  deno: {
    find: () => Promise.resolve(Deno.execPath()),
    joinsFiles: true,
    isCompiled: false,
    // The static checks include the types. Not with --parallel: it runs files as threads of one process, and
    // tests that count its sockets would count each other's.
    args: (files, report) => [
      ...["test", "--allow-all", "--no-check", "--quiet", `--junit-path=${report}`],
      ...files,
    ],
  },
  node: node(24),
  bun: {
    find: findBun,
    joinsFiles: false,
    isCompiled: false,
    args: (files, report) => [
      // Not with --parallel: its workers have a socket to their parent, which tests would count.
      ...["test", `--timeout=${TEST_TIMEOUT}`],
      ...["--reporter=junit", `--reporter-outfile=${report}`],
      // Without the dot a path is read as a pattern.
      ...files.map((file) => `./${file}`),
    ],
  },
  node20: node(20),
  node22: node(22),
  node26: node(26),
};

function node(major: NodeMajor): Runtime {
  return {
    find: () => findNode(major),
    // Saves half of the start time: the types are already stripped and the modules compiled.
    env: { NODE_COMPILE_CACHE: join(CACHE, "node-modules-compiled") },
    joinsFiles: false,
    // Node 20 can't run TypeScript, and Node 22 doesn't know the tests' `await using`.
    isCompiled: major < 24,
    args: (files, report) => [
      // Not with --test-force-exit: the report would miss what it cuts off. Before Node 24 each file
      // has a process of its own, and the time limit is for a file as well.
      ...(major < 24 ? ["--test"] : ["--test", "--test-isolation=none"]),
      `--test-timeout=${major < 24 ? Math.max(600_000, TEST_TIMEOUT) : TEST_TIMEOUT}`,
      ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
      ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
      ...files,
    ],
  };
}
