/**
 * What benches find out, as it is written to `bench/results/`.
 *
 * @module
 */

import type { Spread } from "./spread.ts";

/** The runtimes, in the order of the results. */
export const RUNTIMES = ["deno", "node", "bun"] as const;

/** The name of a runtime. */
export type RuntimeName = (typeof RUNTIMES)[number];

/** What a way must reach. */
export interface Goal {
  /** The least ratio of its rate to the first way's. */
  readonly least?: number;
  /** The most CPU time, in multiples of the first way's. */
  readonly mostCpu?: number;
  /** How far memory may rise, in MiB. */
  readonly mostMemory?: number;
  /** The way of a bare program that has to do as much: nobody can be expected to be faster than that. */
  readonly limit?: string;
}

/** What one way took, all in milliseconds for the comparison's amount. */
export interface WayResult {
  readonly way: string;
  readonly time: Spread;
  readonly cpu: Spread;
  /** How far memory rose above what it was before, in MiB: the median. */
  readonly memory?: number;
  /** How much was done in a second, by the median. */
  readonly rate: number;
  /** The ratio of its rate to the first way's, by the medians: 1 is as fast, 0.5 takes twice as long. */
  readonly ratio: number;
  /** The spread of the ratios of single rounds. */
  readonly ratios: Spread;
  /** Its CPU time in multiples of the first way's, by the medians: 1 is as much, 2 twice as much. */
  readonly cpuRatio: number;
  readonly goal?: Goal;
  /** Whether the goal is met, if there is one. */
  readonly isMet?: boolean;
}

/** Several ways of doing the same, the first being what the others are compared with. */
export interface ComparisonResult {
  readonly name: string;
  /** How much was done in each turn, and of what. */
  readonly amount: number;
  readonly unit: string;
  readonly rounds: number;
  readonly ways: readonly WayResult[];
}

/** A quantity that is no comparison, such as the memory for a connection. */
export interface QuantityResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The goal, if there is one. */
  readonly most?: number;
  readonly isMet?: boolean;
}

/** What a bench found out on one runtime. */
export interface RunResult {
  readonly runtime: RuntimeName;
  readonly version: string;
  /** The day, as 2026-01-31. */
  readonly date: string;
  readonly machine: Machine;
  /** The versions of the servers and programs that it met, by name. */
  readonly peers: Readonly<Record<string, string>>;
  readonly comparisons: readonly ComparisonResult[];
  readonly quantities: readonly QuantityResult[];
}

/** The machine, without what tells whose it is. */
export interface Machine {
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  /** How many processes wanted to run before the bench began: near 0 on a quiet machine. */
  readonly load: number;
}

/** A file of results: a bench on all runtimes that it ran on. */
export interface BenchResult {
  readonly bench: string;
  readonly title: string;
  readonly runs: readonly RunResult[];
}
