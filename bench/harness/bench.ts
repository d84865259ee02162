/**
 * A bench, and what it has while it runs.
 *
 * @module
 */

import { thisMachine, thisRuntime } from "./machine.ts";
import type { RuntimeCommand } from "./program.ts";
import type {
  ComparisonResult,
  Goal,
  QuantityResult,
  RunResult,
  RuntimeName,
  WayResult,
} from "./results.ts";
import { rounded, spreadOf } from "./spread.ts";
import type { Lap } from "./stopwatch.ts";
import { inTurns, type Way } from "./turns.ts";

/** A bench: a module of `bench/` exports it as `bench`. */
export interface Bench {
  /** The heading over its results. */
  readonly title: string;
  /** The runtimes that it runs on if none is named; all if left out. */
  readonly runtimes?: readonly RuntimeName[];
  /** Its parts by name, in order. */
  readonly parts: Readonly<Record<string, (run: Run) => Promise<void>>>;
  /** Whether each part has a process of its own, so that it doesn't find the garbage of others. */
  readonly isApart?: boolean;
}

/** How a bench is run. */
export interface RunOptions {
  /** Whether sizes are tiny: to see whether it works, not how long it takes. */
  readonly isSmoke: boolean;
  /** Whether there is one round at full size, after none to warm up: to see whether it works with that, too. */
  readonly isOnce?: boolean;
  /** The runtimes for peers that are always the same. */
  readonly commands: { readonly deno: RuntimeCommand; readonly node: RuntimeCommand };
  /** A client in Perl to compare with; see bench/README.md. */
  readonly perl?: string;
}

/** Several ways of doing the same. */
export interface Comparison {
  readonly name: string;
  /** How much each way does in a turn, and of what: rates are in these a second. */
  readonly amount: number;
  readonly unit: string;
  /** The ways by name; the others are compared with the first one. */
  readonly ways: Readonly<Record<string, Way>>;
  /** What ways must reach, by name. */
  readonly goals?: Readonly<Record<string, Goal>>;
  /** How many rounds there are at most, 15 if left out; and at least, 3 if left out. */
  readonly rounds?: number;
  readonly leastRounds?: number;
  /** After how many seconds no further round begins; 3 if left out. */
  readonly seconds?: number;
  /** The part of these for rounds that aren't measured, at least one unless it is 0; a fifth if left out. */
  readonly warmUp?: number;
}

/** A run of a bench on this runtime. */
export class Run {
  readonly isSmoke: boolean;
  readonly commands: RunOptions["commands"];
  readonly perl: string | undefined;
  readonly #isOnce: boolean;
  readonly #machine = thisMachine();
  readonly #comparisons: ComparisonResult[] = [];
  readonly #quantities: QuantityResult[] = [];
  readonly #peers: Record<string, string> = {};

  /** Begins one. */
  constructor({ isSmoke, isOnce = isSmoke, commands, perl }: RunOptions) {
    this.isSmoke = isSmoke;
    this.#isOnce = isOnce;
    this.commands = commands;
    this.perl = perl;
  }

  /** The first number, or in a smoke run the second. */
  size(full: number, smoke: number): number {
    return this.isSmoke ? smoke : full;
  }

  /** Measures several ways in turns, and keeps the result. */
  async compare(comparison: Comparison): Promise<ComparisonResult> {
    const { name, amount, unit, ways, goals = {} } = comparison;
    const { rounds = 15, leastRounds = 3, seconds = 3, warmUp = 0.2 } = comparison;
    const laps = await inTurns(
      ways,
      this.#isOnce
        ? { rounds: 1, least: 1, budget: 0, warmUp: 0 }
        : { rounds, least: leastRounds, budget: seconds * 1000, warmUp },
    );
    const [base] = Object.values(laps);
    const result: ComparisonResult = {
      ...{ name, amount, unit, rounds: base.length },
      ways: Object.entries(laps).map(([way, its]) => wayResult(way, its, base, amount, goals[way])),
    };
    this.#comparisons.push(result);
    return result;
  }

  /** Keeps a quantity that is no comparison. */
  record({ value, most, ...quantity }: Omit<QuantityResult, "isMet">): void {
    const goal = most === undefined ? {} : { most, isMet: value <= most };
    this.#quantities.push({ ...quantity, value: rounded(value), ...goal });
  }

  /** Notes the version of a server or program. */
  meets(peer: string, version: string): void {
    this.#peers[peer] = version;
  }

  /** What was found out so far. */
  get result(): RunResult {
    return {
      ...thisRuntime(),
      date: new Date().toISOString().slice(0, 10),
      machine: this.#machine,
      peers: this.#peers,
      comparisons: this.#comparisons,
      quantities: this.#quantities,
    };
  }
}

function wayResult(
  way: string,
  laps: readonly Lap[],
  base: readonly Lap[],
  amount: number,
  goal: Goal | undefined,
): WayResult {
  const time = spreadOf(laps.map((lap) => lap.time));
  const cpu = spreadOf(laps.map((lap) => lap.cpu));
  const memories = laps.flatMap(({ memory }) => memory ?? []);
  const ratio = rounded(spreadOf(base.map((lap) => lap.time)).median / time.median);
  const baseCpu = spreadOf(base.map((lap) => lap.cpu)).median;
  // A program of a few milliseconds may have none that is counted.
  const cpuRatio = baseCpu === 0 ? 1 : rounded(cpu.median / baseCpu);
  const memory = memories.length === 0 ? undefined : spreadOf(memories).median;
  const { least = 0, mostCpu = Infinity, mostMemory = Infinity } = goal ?? {};
  const isMet = ratio >= least && cpuRatio <= mostCpu && (memory ?? 0) <= mostMemory;
  return {
    ...{ way, time, cpu },
    ...(memory === undefined ? {} : { memory }),
    rate: rounded(amount / time.median * 1000),
    ratio,
    ratios: spreadOf(laps.map((lap, round) => base[round].time / lap.time)),
    cpuRatio,
    ...(goal === undefined ? {} : { goal, isMet }),
  };
}
