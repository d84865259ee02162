/**
 * Runs the static checks, and the test suite: the whole of it on Deno, Node 24 and Bun; on Node 20
 * and Node 26 what those can differ in. Node 20 is given the package for npm, the others the sources.
 *
 *     deno task test [--only=checks,deno,node,bun,node20,node26] [--] [FILTER…]
 *
 * A filter is a part of a test file's path; without one all of them run. The last line of standard
 * output is "N passed, N failed", summed up over everything that ran. With CI=true a skipped test
 * counts as failed.
 *
 * @module
 */

import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureDovecot24 } from "../tests/harness/dovecot/image.ts";
import { ensureDovecot } from "../tests/harness/dovecot/install.ts";
import { buildNpm } from "./build_npm.ts";
import { compileTests } from "./compile_tests.ts";
import { findBun, findNode, type NodeMajor, versionOf } from "./tools.ts";

/** The static checks: each is one run of Deno, passes or fails, and counts as one test. */
const CHECKS: readonly Check[] = [
  { name: "format", args: () => ["fmt", "--check"] },
  { name: "lint", args: () => ["lint"] },
  { name: "types", args: () => ["check"] },
  // Not into what npm's packages declare: that is documented there, if at all.
  { name: "documentation", args: (entries) => ["doc", "--lint", "--no-npm", ...entries] },
  {
    name: "examples",
    args: () => [
      ...["test", "--doc", "--allow-all"],
      ...["core", "transports", "doveadm", "extractor", "testing"],
      "mod.ts",
    ],
  },
  { name: "publishable", args: () => ["publish", "--dry-run", "--allow-dirty"] },
];

/** How a test suite is run: with which program, and with which arguments. */
const RUNTIMES: Readonly<Record<string, Runtime>> = {
  deno: {
    find: () => Promise.resolve(Deno.execPath()),
    isFor: runsOn("deno"),
    // The types are checked among the static checks. Not with --parallel: it runs files as threads of
    // one process, and tests that count its sockets would count each other's.
    args: (files, report) => [
      ...["test", "--allow-all", "--no-check", `--junit-path=${report}`],
      ...files,
    ],
  },
  node: { ...node(24), isFor: runsOn("node") },
  bun: {
    find: findBun,
    isFor: runsOn("bun"),
    args: (files, report) => [
      // Not with --parallel: its workers have a socket to their parent, which tests would count.
      ...["test", `--timeout=${TEST_TIMEOUT}`],
      ...["--reporter=junit", `--reporter-outfile=${report}`],
      // Without the dot a path is taken for a pattern.
      ...files.map((file) => `./${file}`),
    ],
  },
  node20: {
    ...node(20),
    isFor: canDiffer,
    // It can't run TypeScript.
    prepare: compileTests,
  },
  node26: { ...node(26), isFor: canDiffer },
};

/** The tests that are worth their time once: of what runtimes can't differ in, and where they run. */
const ONCE: Readonly<Record<string, string>> = {
  // Compares what servers say to hundreds of calls, which takes a minute.
  "tests/doveadm/client/same_rows_test.ts": "node",
  // Generates code by programs that only Deno installs.
  "tests/extractor/messages/generated_test.ts": "deno",
};

/** Whether a runtime is to run the tests of a file. */
function runsOn(name: string): (file: string) => boolean {
  return (file) => (ONCE[file] ?? name) === name;
}

/**
 * Whether a test is of what versions of Node can differ in: sockets, TLS, `fetch`, taking in the package.
 */
function canDiffer(file: string): boolean {
  return /^tests\/(transports|npm)\//.test(file) ||
    /^tests\/client\/(connection|doveadm|hostile|http_exchange)_test\.ts$/.test(file);
}

function node(major: NodeMajor): Runtime {
  return {
    find: () => findNode(major),
    args: (files, report) => [
      // Not with --test-force-exit: what it cuts off is missing from the report. In Node 20 the time
      // goes for a file as well.
      ...["--test", "--test-concurrency=2"],
      `--test-timeout=${major === 20 ? TIMEOUT / 2 : TEST_TIMEOUT}`,
      ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
      ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
      ...files,
    ],
  };
}

/** What runs beside the others, with its output held back. */
const BESIDE: readonly string[] = ["bun", "node26"];

/** What runs when the others are done, since it runs two files at a time by itself. */
const ALONE: readonly string[] = ["node"];

/** How long one test may take where the runtime can stop it, in milliseconds. */
const TEST_TIMEOUT = 60_000;

/** How long a check, or all tests on one runtime, may take, in milliseconds. */
const TIMEOUT = 1_200_000;

/** How long a process that was asked to end may take to do so, in milliseconds. */
const GRACE = 5_000;

const USAGE = `Usage: deno task test [--only=${[
  "checks",
  ...Object.keys(RUNTIMES),
]}] [--] [FILTER…]`;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPORTS = join(ROOT, ".cache", "reports");

interface Check {
  readonly name: string;
  readonly args: (entries: readonly string[]) => readonly string[];
}

interface Runtime {
  readonly find: () => Promise<string>;
  /** Whether it is to run the tests of a file; all of them unless given. */
  readonly isFor?: (file: string) => boolean;
  /** Gives what it is to run for these files, where that isn't the files themselves. */
  readonly prepare?: (files: readonly string[]) => Promise<readonly string[]>;
  readonly args: (files: readonly string[], report: string) => readonly string[];
}

/** A test as a report tells it. */
interface Test {
  readonly name: string;
  /**
   * Path, from the project's folder, of the file that has the test, or in Deno and Node of the one
   * that called `test()` for it; empty when the report doesn't tell.
   */
  readonly file: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

/** A row of the table at the end. */
interface Result {
  readonly name: string;
  readonly version: string;
  readonly passed: number;
  /** What failed: tests, and whatever else went wrong. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  readonly seconds: number;
}

/** How a program ended. */
interface Ending {
  /** What went wrong, to stand behind the program's name; `undefined` if nothing did. */
  readonly problem: string | undefined;
  /** Whether it was killed because it took too long. */
  readonly late: boolean;
}

/** Bad arguments. */
class UsageError extends Error {}

const running = new Set<Deno.ChildProcess>();

/**
 * Runs a program in the project's folder, its output going where ours goes: as it comes, or all of it at
 * the program's end where it is held back.
 */
async function run(
  program: string,
  args: readonly string[],
  { isHeldBack = false }: { readonly isHeldBack?: boolean } = {},
): Promise<Ending> {
  const output = isHeldBack ? "piped" : "inherit";
  const child = new Deno.Command(program, {
    ...{ args: [...args], cwd: ROOT, stdin: "null", stdout: output, stderr: output },
  }).spawn();
  running.add(child);
  const held: Uint8Array[] = [];
  const hold = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) held.push(chunk);
  };
  const holding = isHeldBack ? [hold(child.stdout), hold(child.stderr)] : [];
  let late = false;
  let killer: ReturnType<typeof setTimeout> | undefined;
  const timer = setTimeout(() => {
    late = true;
    // Asked first: Node ends the processes of its test files then.
    child.kill("SIGTERM");
    killer = setTimeout(() => child.kill("SIGKILL"), GRACE);
  }, TIMEOUT);
  const { success, code, signal } = await child.status;
  clearTimeout(timer);
  clearTimeout(killer);
  running.delete(child);
  await Promise.all(holding);
  for (const chunk of held) await Deno.stdout.write(chunk);
  const problem = late
    ? `took longer than ${TIMEOUT / 1000} s and was killed`
    : success
    ? undefined
    : `ended with ${signal ?? `exit status ${code}`}`;
  return { problem, late };
}

async function runChecks(): Promise<Result> {
  const start = performance.now();
  const entries = await readEntries();
  const failed: string[] = [];
  for (const { name, args } of CHECKS) {
    console.log(`\n== checks: ${name}: deno ${args(entries).join(" ")}`);
    const { problem } = await run(Deno.execPath(), args(entries));
    if (problem !== undefined) failed.push(`${name}: deno ${args(entries)[0]} ${problem}`);
  }
  return {
    name: "checks",
    version: Deno.version.deno,
    passed: CHECKS.length - failed.length,
    failed,
    skipped: [],
    seconds: (performance.now() - start) / 1000,
  };
}

/** The files that the packages export. */
async function readEntries(): Promise<readonly string[]> {
  const entries: string[] = [];
  for (const folder of [".", "extractor"]) {
    const { exports } = JSON.parse(await Deno.readTextFile(join(ROOT, folder, "deno.json")));
    entries.push(...Object.values<string>(exports).map((path) => join(folder, path)));
  }
  return entries;
}

/** Makes the package for npm, which some tests are of: one that fails leaves those to fail. */
async function runBuild(): Promise<Result> {
  const start = performance.now();
  const failed: string[] = [];
  console.log("\n== npm: deno task npm");
  try {
    await buildNpm();
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    failed.push("the packages can't be built");
  }
  return {
    name: "npm",
    version: Deno.version.deno,
    passed: 1 - failed.length,
    failed,
    skipped: [],
    seconds: (performance.now() - start) / 1000,
  };
}

async function runTests(
  name: string,
  files: readonly string[],
  options: { readonly isHeldBack: boolean },
): Promise<Result> {
  const start = performance.now();
  const { find, args, prepare } = RUNTIMES[name];
  const report = join(REPORTS, `${name}.xml`);
  const failed: string[] = [];
  let version = "-";
  let tests: readonly Test[] = [];
  try {
    const program = await find();
    version = await versionOf(program) ?? "-";
    console.log(`\n== ${name} ${version}`);
    // An older run's report must not be taken for this one's.
    await Deno.remove(report).catch(() => {});
    const prepared = prepare === undefined ? files : await prepare(files);
    const { problem, late } = await run(program, args(prepared, report), options);
    const reported = await readReport(report);
    tests = reported ?? [];
    failed.push(...tests.filter(({ outcome }) => outcome === "failed").map(title));
    if (late) {
      failed.push(`${name} ${problem}`);
    } else if (reported === undefined) {
      failed.push(`${name} wrote no report of its tests${problem ? ` and ${problem}` : ""}`);
    } else if (tests.length === 0) {
      failed.push(`${name} ran no test`);
    } else if (problem !== undefined && failed.length === 0) {
      failed.push(`${name} ${problem} although no test failed`);
    }
  } catch (error) {
    failed.push(`${name}: ${error instanceof Error ? error.message : error}`);
  }
  return {
    name,
    version,
    passed: tests.filter(({ outcome }) => outcome === "passed").length,
    failed,
    skipped: tests.filter(({ outcome }) => outcome === "skipped").map(title),
    seconds: (performance.now() - start) / 1000,
  };
}

function title({ name, file }: Test): string {
  return file === "" ? name : `${file}: ${name}`;
}

/** Reads a JUnit report as Deno, Node and Bun write it; `undefined` when there is none. */
async function readReport(path: string): Promise<readonly Test[] | undefined> {
  const xml = await Deno.readTextFile(path).catch(() => undefined);
  if (xml === undefined) return undefined;
  const tests: Test[] = [];
  const testcase = /<testcase((?:\s+[\w:]+="[^"]*")*)\s*(?:\/>|>([^]*?)<\/testcase>)/g;
  for (const [, attributes, body = ""] of xml.matchAll(testcase)) {
    const attribute = (name: string) =>
      decodeReferences(new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    // Node says "file", absolute; Bun "file", relative; Deno "classname", with "./" ahead. An old
    // Node says nothing.
    const path = [attribute("file"), attribute("classname")].find((it) => it.endsWith(".ts")) ?? "";
    const file = isAbsolute(path) ? relative(ROOT, path) : path.replace(/^\.\//, "");
    const name = attribute("name");
    // A file without a test passes in Node as a test that is named for it.
    if (name === file && body === "") tests.push({ name: "has no test", file, outcome: "failed" });
    else if (/<(?:failure|error)[\s>/]/.test(body)) tests.push({ name, file, outcome: "failed" });
    else if (/<skipped[\s>/]/.test(body)) tests.push({ name, file, outcome: "skipped" });
    else tests.push({ name, file, outcome: "passed" });
  }
  return tests;
}

/** Replaces XML's references; "&amp;" first, since Node escapes quotes twice. */
function decodeReferences(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"').replaceAll("&apos;", "'")
    .replaceAll(
      /&#(x?)([\da-f]+);/gi,
      (_, x, code) => String.fromCodePoint(parseInt(code, x ? 16 : 10)),
    );
}

/** The test files whose paths have one of the filters in them, sorted. */
async function findTests(filters: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(join(ROOT, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await visit(path);
      else if (entry.name.endsWith("_test.ts")) found.push(path);
    }
  };
  await visit("tests");
  return found.sort().filter((path) =>
    filters.length === 0 || filters.some((filter) => path.includes(filter))
  );
}

/** Those of these files that a runtime is to run; `undefined` for the checks, which take none. */
function filesFor(name: string, files: readonly string[]): readonly string[] | undefined {
  if (name === "checks") return undefined;
  const { isFor } = RUNTIMES[name];
  return isFor === undefined ? files : files.filter(isFor);
}

function parseArgs(args: readonly string[]): { only: readonly string[]; filters: string[] } {
  const all = ["checks", ...Object.keys(RUNTIMES)];
  let only: readonly string[] = all;
  const filters: string[] = [];
  let options = true;
  for (const arg of args) {
    if (options && arg === "--") {
      options = false;
    } else if (options && arg.startsWith("--only=")) {
      only = arg.slice("--only=".length).split(",");
      const unknown = only.find((name) => !all.includes(name));
      if (unknown !== undefined) throw new UsageError(`There is no ${JSON.stringify(unknown)}.`);
    } else if (options && arg.startsWith("-")) {
      throw new UsageError(`There is no option ${arg}.`);
    } else {
      filters.push(arg);
    }
  }
  return { only: all.filter((name) => only.includes(name)), filters };
}

function printTable(results: readonly Result[]): void {
  const rows = [
    ["runtime", "version", "passed", "failed", "skipped", "seconds"],
    ...results.map((result) => [
      result.name,
      result.version,
      String(result.passed),
      String(result.failed.length),
      String(result.skipped.length),
      result.seconds.toFixed(1),
    ]),
  ];
  console.log();
  for (const row of rows) {
    const cells = row.map((cell, column) => column < 2 ? cell.padEnd(8) : cell.padStart(8));
    console.log(cells.join(" "));
  }
}

async function main(): Promise<number> {
  const { only, filters } = parseArgs(Deno.args);
  const files = await findTests(filters);
  const tested = new Map(only.map((name) => [name, filesFor(name, files)]));
  if ([...tested.values()].every((files) => files?.length === 0)) {
    throw new UsageError("No test file matches.");
  }
  const results: Result[] = [];
  try {
    await Deno.mkdir(REPORTS, { recursive: true });
    // Fills node_modules, which Node and Bun read.
    const { problem } = await run(Deno.execPath(), ["install", "--quiet"]);
    if (problem !== undefined) throw new Error(`"deno install" ${problem}.`);
    if (only.some((name) => name !== "checks")) {
      await ensureDovecot();
      await ensureDovecot24();
      results.push(await runBuild());
    }
    const runAll = async (names: readonly string[], isHeldBack: boolean): Promise<void> => {
      for (const name of names) {
        const files = tested.get(name);
        if (files === undefined) results.push(await runChecks());
        else if (files.length > 0) results.push(await runTests(name, files, { isHeldBack }));
      }
    };
    const isOnly = only.length === 1;
    const beside = only.filter((name) => BESIDE.includes(name) && !isOnly);
    const alone = only.filter((name) => ALONE.includes(name));
    const others = only.filter((name) => !beside.includes(name) && !alone.includes(name));
    await Promise.all([runAll(others, false), runAll(beside, true)]);
    await runAll(alone, false);
  } catch (error) {
    const failed = [error instanceof Error ? error.message : String(error)];
    results.push({ name: "setup", version: "-", passed: 0, failed, skipped: [], seconds: 0 });
  }

  printTable(results);
  const strict = Deno.env.get("CI") === "true";
  for (const { name, skipped } of results) {
    for (const test of skipped) {
      console.log(`skipped on ${name}${strict ? ", which fails in CI" : ""}: ${test}`);
    }
  }
  for (const { name, failed } of results) {
    for (const test of failed) console.log(`failed on ${name}: ${test}`);
  }
  const sum = (count: (result: Result) => number): number =>
    results.reduce((total, result) => total + count(result), 0);
  const failures = sum(({ failed, skipped }) => failed.length + (strict ? skipped.length : 0));
  console.log(`${sum(({ passed }) => passed)} passed, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

if (import.meta.main) {
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      for (const child of running) child.kill("SIGTERM");
      Deno.exit(status);
    });
  }
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    Deno.exit(2);
  }
}
