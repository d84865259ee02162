/**
 * Results as Markdown.
 *
 * @module
 */

import type {
  BenchResult,
  ComparisonResult,
  Goal,
  RunResult,
  WayResult,
} from "../harness/results.ts";
import type { Spread } from "../harness/spread.ts";

/** The names of the runtimes for readers. */
export const RUNTIME_NAMES = { deno: "Deno", node: "Node", bun: "Bun" } as const;

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|");
}

/** A number for readers: at most three digits that say something, and all of a whole number. */
export function shown(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(value < 10 && value >= 0.1 ? 3 : 2)));
}

/** A ratio for readers. */
export function shownRatio(ratio: number): string {
  return ratio >= 100 ? shown(ratio) : ratio.toFixed(2);
}

function shownSpread({ median, q1, q3 }: Spread, show: (value: number) => string): string {
  return `${show(median)} (${show(q1)} to ${show(q3)})`;
}

function shownGoal({ least, mostCpu, mostMemory }: Goal = {}): string {
  return [
    ...(least === undefined ? [] : [`≥ ${shownRatio(least)}`]),
    ...(mostCpu === undefined ? [] : [`CPU ≤ ${shownRatio(mostCpu)}`]),
    ...(mostMemory === undefined ? [] : [`≤ ${shown(mostMemory)} MiB`]),
  ].join(", ");
}

/** Something that misses its goal. */
export interface Miss {
  readonly bench: string;
  /** What it is, as "mailbox list, pipelined: Doveadm.run". */
  readonly name: string;
  readonly runtime: RunResult["runtime"];
  readonly goal: string;
  readonly found: string;
  /** What a bare program that has to do as much reaches, if that is known. */
  readonly possible: string | undefined;
  /** Whether that is hardly more. */
  readonly isAtLimit: boolean;
}

/** The part of what a bare program reaches that is hardly less: as much as a transport may take. */
const HARDLY_LESS = 0.9;

/** All that miss their goals. */
export function missesOf(results: readonly BenchResult[]): readonly Miss[] {
  return results.flatMap(({ bench, runs }) =>
    runs.flatMap(({ runtime, comparisons, quantities }) => [
      ...comparisons.flatMap(({ name, ways }) =>
        ways.filter(({ isMet }) => isMet === false).map((way): Miss => ({
          ...{ bench, runtime, name: `${name}: ${way.way}`, goal: shownGoal(way.goal) },
          found: shownBoth(way),
          ...limitOf(way, ways),
        }))
      ),
      ...quantities.filter(({ isMet }) => isMet === false).map((quantity): Miss => ({
        ...{ bench, runtime, name: quantity.name, goal: `≤ ${shown(quantity.most!)}` },
        found: `${shown(quantity.value)} ${quantity.unit}`,
        ...{ possible: undefined, isAtLimit: false },
      })),
    ])
  );
}

/** What is possible where a way misses its goal. */
function limitOf(
  { goal, ratio, memory = 0 }: WayResult,
  ways: readonly WayResult[],
): Pick<Miss, "possible" | "isAtLimit"> {
  const limit = ways.find(({ way }) => way === goal?.limit);
  if (limit === undefined) return { possible: undefined, isAtLimit: false };
  const isSlow = ratio < HARDLY_LESS * limit.ratio;
  return {
    possible: shownBoth(limit),
    isAtLimit: !isSlow && memory <= (goal?.mostMemory ?? Infinity),
  };
}

function shownBoth({ ratio, cpuRatio, memory, goal }: WayResult): string {
  const isTooMuch = memory !== undefined && memory > (goal?.mostMemory ?? Infinity);
  const also = isTooMuch ? `, ${shown(memory)} MiB` : "";
  return `${shownRatio(ratio)} (CPU ${shownRatio(cpuRatio)}${also})`;
}

/** The ratios of a bench in short: a line for each way but the first of each comparison, a column a runtime. */
export function summary({ runs }: BenchResult): string {
  const heads = runs.map(({ runtime, version }) => `${RUNTIME_NAMES[runtime]} ${version}`);
  const marked = (text: string, isMet: boolean | undefined) =>
    isMet === false ? `**${text}**` : text;
  const find = (run: RunResult, comparison: string) =>
    run.comparisons.find(({ name }) => name === comparison);
  const rows = uniqueBy(runs.flatMap(({ comparisons }) => comparisons), ({ name }) => name)
    .flatMap(({ name, ways: [base] }) => {
      const all = runs.flatMap((run) => find(run, name)?.ways ?? []);
      const others = uniqueBy(all, ({ way }) => way).filter(({ way }) => way !== base.way);
      return others.map(({ way, goal }) => [
        `${name}: ${way}`,
        ...runs.map((run) => {
          const found = find(run, name)?.ways.find((it) => it.way === way);
          return found === undefined ? "" : marked(shownBoth(found), found.isMet);
        }),
        shownGoal(goal),
      ]);
    });
  const quantities = uniqueBy(runs.flatMap((run) => run.quantities), ({ name }) => name)
    .map(({ name, unit, most }) => [
      `${name}, ${unit}`,
      ...runs.map((run) => {
        const found = run.quantities.find((it) => it.name === name);
        return found === undefined ? "" : marked(shown(found.value), found.isMet);
      }),
      most === undefined ? "" : `≤ ${shown(most)}`,
    ]);
  return table(["", ...heads, "goal"], [...rows, ...quantities]);
}

/** All that is known of a bench. */
export function details({ title, bench, runs }: BenchResult): string {
  const [{ comparisons }] = runs;
  return [
    `# ${title}`,
    `From [${bench}.json](${bench}.json), which \`deno task bench ${bench}\` writes.`,
    runs.map(conditions).join("\n"),
    ...(comparisons.length === 0 ? [] : [`![The ratios as a chart](${bench}.svg)`]),
    summary({ title, bench, runs }),
    ...runs.flatMap((run) => [
      `## ${RUNTIME_NAMES[run.runtime]}`,
      ...run.comparisons.flatMap(detailsOfComparison),
    ]),
  ].join("\n\n") + "\n";
}

function detailsOfComparison(
  { name, amount, unit, rounds, ways }: ComparisonResult,
): readonly string[] {
  return [
    `${name}: ${shown(amount)} ${unit} a turn, ${rounds} rounds`,
    table(
      [
        ...["", `${unit} a second`, "ratio (quartiles)", "CPU ratio"],
        ...["ms a turn (quartiles)", "ms of CPU", "MiB more", "goal"],
      ],
      ways.map((way) => [
        ...[way.way, shown(way.rate), shownSpread(way.ratios, shownRatio)],
        ...[shownRatio(way.cpuRatio), shownSpread(way.time, shown), shown(way.cpu.median)],
        way.memory === undefined ? "" : shown(way.memory),
        way.isMet === false ? `**misses ${shownGoal(way.goal)}**` : shownGoal(way.goal),
      ]),
    ),
  ];
}

/** When and where a run was. */
export function placeOf({ runtime, version, date, machine }: RunResult): string {
  const { system, processor, cores, memory } = machine;
  return `- ${
    RUNTIME_NAMES[runtime]
  } ${version}, ${date}: ${cores} cores (${processor}), ${memory}, ${system}`;
}

/** The same, with how busy the machine was before, and what the run met. */
function conditions(run: RunResult): string {
  const met = Object.entries(run.peers).map(([name, version]) => `; ${name} is ${version}`);
  return `${placeOf(run)}, load ${run.machine.load} before${met.join("")}`;
}

/** The first of those that have the same key. */
function uniqueBy<Value>(
  values: readonly Value[],
  keyOf: (value: Value) => string,
): readonly Value[] {
  const seen = new Map<string, Value>();
  for (const value of values) if (!seen.has(keyOf(value))) seen.set(keyOf(value), value);
  return [...seen.values()];
}
