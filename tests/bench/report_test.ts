import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bench, Run } from "../../bench/harness/bench.ts";
import type { BenchResult, RuntimeName } from "../../bench/harness/results.ts";
import { spreadOf } from "../../bench/harness/spread.ts";
import { inTurns } from "../../bench/harness/turns.ts";
import { chartOf } from "../../bench/report/chart.ts";
import { longSection, shortSection, withSection } from "../../bench/report/readme.ts";
import { details, missesOf } from "../../bench/report/tables.ts";

const options = { isSmoke: true, commands: { deno: [], node: [] } };

/** Results of a way that takes ten times as long as the floor. */
async function slowResult(runtime: RuntimeName = "node"): Promise<BenchResult> {
  const run = new Run(options);
  await run.compare({
    ...{ name: "small | commands", amount: 100, unit: "commands" },
    ways: { floor: (watch) => watch.took(10), ours: (watch) => watch.took(100) },
    goals: { ours: { least: 0.5 } },
  });
  run.record({ name: "memory", value: 300, unit: "KiB", most: 200 });
  run.meets("Dovecot", "2.3.19.1");
  return { bench: "commands", title: "Small commands", runs: [{ ...run.result, runtime }] };
}

test("bench results › a way ten times as slow › has a ratio of 0.1 and misses its goal", async () => {
  const [{ comparisons: [{ ways: [floor, ours] }] }] = (await slowResult()).runs;
  assert.deepEqual([floor.rate, floor.ratio, floor.isMet], [10_000, 1, undefined]);
  assert.deepEqual([ours.rate, ours.ratio, ours.isMet], [1_000, 0.1, false]);
  assert.equal(ours.ratios.median, 0.1);
});

test("bench results › a way that does a tenth of the amount › counts for the whole", async () => {
  const run = new Run(options);
  const { ways: [, few] } = await run.compare({
    ...{ name: "requests", amount: 100, unit: "requests" },
    ways: {
      all: (watch) => watch.took(10),
      few: (watch) => {
        watch.took(10);
        watch.did(0.1);
      },
    },
  });
  assert.deepEqual([few.time.median, few.ratio, few.rate], [100, 0.1, 1_000]);
});

test("bench turns › three ways › take turns, each before and after each other in some rounds", async () => {
  const order: string[] = [];
  const way = (name: string) => () => order.push(name);
  const ways = { a: way("a"), b: way("b"), c: way("c") };
  // So many that none of the six orders is missing, but once in 10^70.
  const laps = await inTurns(ways, { rounds: 1000, least: 1000, budget: 0, warmUp: 0.2 });
  assert.deepEqual([laps.a.length, laps.b.length, laps.c.length], [1000, 1000, 1000]);
  const rounds = new Set<string>();
  for (let at = 0; at < order.length; at += 3) rounds.add(order.slice(at, at + 3).join(""));
  assert.deepEqual([...rounds].sort(), ["abc", "acb", "bac", "bca", "cab", "cba"]);
  // The first round warms up.
  assert.equal(order.length, 3003);
});

test("bench turns › a budget that is over › leaves the least number of rounds", async () => {
  let turns = 0;
  const laps = await inTurns({ a: () => turns++ }, {
    ...{ rounds: 100, least: 4, budget: 0, warmUp: 0 },
  });
  assert.deepEqual([laps.a.length, turns], [4, 4]);
});

test("bench spread › of five values › has the median and the quartiles", () => {
  const { median, min, q1, q3, max } = spreadOf([5, 1, 4, 2, 3]);
  assert.deepEqual([min, q1, median, q3, max], [1, 2, 3, 4, 5]);
});

test("bench tables › a missed goal › is in bold, and named among the losses", async () => {
  const result = await slowResult();
  assert.deepEqual(missesOf([result]).map(({ name, found }) => [name, found.slice(0, 4)]), [
    ["small | commands: ours", "0.10"],
    ["memory", "300 "],
  ]);
  const text = details(result);
  assert.match(text, /small \\\| commands: ours \| \*\*0\.10 \(CPU [\d.]+\)\*\* \| ≥ 0\.50 \|/);
  assert.match(text, /memory, KiB \| \*\*300\*\* \| ≤ 200 \|/);
  assert.match(text, /Dovecot is 2\.3\.19\.1/);
  assert.match(shortSection([result]), /We miss our own goals in 2 figures: commands \(2\)\./);
});

test("bench tables › a missed goal with a bare program that has to do as much › says what that reaches", async () => {
  for (const [ours, isAtLimit] of [[21, true], [40, false]] as const) {
    const run = new Run(options);
    await run.compare({
      ...{ name: "streams", amount: 100, unit: "MiB" },
      ways: {
        floor: (watch) => watch.took(10),
        looking: (watch) => watch.took(20),
        ours: (watch) => watch.took(ours),
      },
      goals: { ours: { least: 0.9, limit: "looking" } },
    });
    const result = { bench: "commands", title: "Streams", runs: [run.result] };
    const [miss] = missesOf([result]);
    assert.equal(miss.isAtLimit, isAtLimit);
    assert.match(miss.possible!, /^0\.50 /);
    assert.match(longSection([result]), /\| ≥ 0\.90 \| 0\.\d\d [^|]*\| 0\.50 [^|]*\|/);
    assert.equal(/In 1 of them a bare program/.test(shortSection([result])), isAtLimit);
  }
});

test("bench tables › runs on several runtimes › have a column each", async () => {
  const [node, bun] = await Promise.all([slowResult("node"), slowResult("bun")]);
  const both = { ...node, runs: [...node.runs, ...bun.runs] };
  assert.match(longSection([both]), /\| {2}\| Node [\d.]+ \| Bun [\d.]+ \| goal \|/);
});

test("bench documents › a section between its comments › is replaced, and nothing else", () => {
  const begin = "<!-- bench: written by `deno task bench --readme` -->";
  const document = `# Title\n\n${begin}\nold\n<!-- /bench -->\n\nend\n`;
  const once = withSection(document, "new");
  assert.equal(once, `# Title\n\n${begin}\n\nnew\n\n<!-- /bench -->\n\nend\n`);
  assert.equal(withSection(once, "new"), once);
  assert.throws(() => withSection("# Title\n", "new"), /lacks a place for results/);
});

test("bench chart › of a comparison › is an SVG with a point for each runtime and no font of its own", async () => {
  const svg = chartOf(await slowResult())!;
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.equal(svg.match(/<circle /g)?.length, 1);
  assert.match(svg, /small \| commands: ours/);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert(!/@font-face|https?:\/\/(?!www\.w3\.org)/.test(svg));
});

test("bench chart › of quantities alone › is left out", () => {
  const bench: Bench = { title: "Bounds", parts: {} };
  assert.equal(chartOf({ bench: "bounds", title: bench.title, runs: [] }), undefined);
});
