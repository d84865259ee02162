/**
 * Creates the jobs that run test files on the runtimes.
 *
 * @module
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compiledPath, compileTests } from "../compile_tests.ts";
import { buildNpm } from "../build_npm.ts";
import { versionOf } from "../tools.ts";
import { ensureDovecot24 } from "../../tests/harness/dovecot/image.ts";
import { ensureDovecot } from "../../tests/harness/dovecot/install.ts";
import { atFullSize } from "../../tests/harness/soak.ts";
import type { TestFile } from "./files.ts";
import { type Job, Preparation } from "./jobs.ts";
import { companyOf, rankOf, rankOfShared, type RuntimeName } from "./plan.ts";
import { REPORTS, ROOT } from "./paths.ts";
import { type CpuTime, run, show } from "./processes.ts";
import { readReport, type Test } from "./report.ts";
import { runtimes } from "./runtimes.ts";
import type { Summary } from "./summary.ts";

/** The time limit of a file, in milliseconds; of soak tests, two hours. Files that share a process have twice that. */
const TIMEOUT = atFullSize(7_200_000, 600_000);

/** How many files that start programs share a process: as many as take no longer than a long file. */
const FILES_WITH_PROGRAMS = 7;

/** Test files for a runtime. */
export interface Assignment {
  /** The runtime. */
  readonly runtime: RuntimeName;
  /** The files that it runs. */
  readonly files: readonly TestFile[];
}

/** Creates jobs; a summary gets their outcomes. */
export class TestJobs {
  readonly #summary: Summary;
  /** How many processes share the short files of a runtime. */
  readonly #batches: number;
  /** Whether to measure CPU time. */
  readonly #isMeasured: boolean;
  readonly #dovecot = new Preparation(installDovecot);
  readonly #package = new Preparation(() => this.#build());
  readonly #compiled = new Preparation(() => this.#compile());
  readonly #programs = new Map<RuntimeName, Promise<string>>();
  #isCompiled = false;

  /** Creates an object that creates jobs. */
  constructor(summary: Summary, batches: number, isMeasured: boolean) {
    this.#summary = summary;
    this.#isMeasured = isMeasured;
    this.#batches = batches;
  }

  /** The jobs for all files, the slowest first. */
  jobsFor(assignments: readonly Assignment[]): readonly Job[] {
    const jobs: (Job & { readonly rank: number })[] = [];
    const batches = assignments.flatMap(({ runtime, files }) =>
      this.#split(runtime, files).map((batch) => ({ runtime, batch }))
    );
    for (const { runtime, batch } of batches) {
      // Many short files take as long as a long one.
      const company = batch.length > 1 ? companyOf(batch[0]) : undefined;
      const rank = company === undefined ? rankOf(batch[0].path) : rankOfShared(company);
      const isShown = batches.length === 1;
      const run = () => this.#run(runtime, batch, isShown);
      jobs.push({ needs: this.#needsOf(runtime, batch), run, rank });
    }
    return jobs.sort((a, b) => a.rank - b.rank);
  }

  /**
   * Gives each long file a process of its own, so that all cores have work. The others, for which starting a
   * runtime takes long, share a few processes by their kind and run in sequence.
   */
  #split(runtime: RuntimeName, files: readonly TestFile[]): readonly (readonly TestFile[])[] {
    // Before Node 24 the runner starts a process for each of them anyway.
    const companies = runtimes[runtime].isCompiled ? [] : Map.groupBy(files, companyOf);
    const batches: (readonly TestFile[])[] = [];
    for (const [company, shared] of companies) {
      if (company === undefined) continue;
      const count = company === "unit tests"
        ? this.#batches
        : Math.ceil(shared.length / FILES_WITH_PROGRAMS);
      for (let batch = 0; batch < count; batch++) {
        batches.push(shared.filter((_, at) => at % count === batch));
      }
    }
    const shared = new Set(batches.flat());
    return [
      ...files.filter((file) => !shared.has(file)).map((file) => [file]),
      ...batches.filter(({ length }) => length > 0),
    ];
  }

  #needsOf(runtime: RuntimeName, files: readonly TestFile[]): readonly Preparation[] {
    return [
      ...(files.some(({ needsDovecot }) => needsDovecot) ? [this.#dovecot] : []),
      ...(files.some(({ needsPackage }) => needsPackage) ? [this.#package] : []),
      ...(runtimes[runtime].isCompiled ? [this.#package, this.#compiled] : []),
    ];
  }

  async #run(
    runtime: RuntimeName,
    files: readonly TestFile[],
    isShown: boolean,
  ): Promise<void> {
    const start = performance.now();
    const paths = files.map(({ path }) => path);
    const what = paths.length === 1 ? paths[0] : `${paths.length} files from ${paths[0]} on`;
    const name = paths[0].replaceAll("/", "-").replace(/\.ts$/, "");
    const report = join(REPORTS, runtime, `${name}.xml`);
    const log = join(REPORTS, runtime, `${name}.log`);
    const problems: string[] = [];
    let tests: readonly Test[] = [];
    let cpu: CpuTime | undefined;
    const folder = await Deno.makeTempDir({ prefix: "dovewire-tests-" });
    try {
      const program = await this.#find(runtime);
      const given = runtimes[runtime].joinsFiles && paths.length > 1
        ? [await joinFiles(paths, folder)]
        : this.#pathsFor(runtime, paths);
      const args = runtimes[runtime].args(given, report);
      await Deno.mkdir(join(REPORTS, runtime), { recursive: true });
      // A report of an older run must not be used.
      await Deno.remove(report).catch(() => {});
      const ending = await run(program, args, {
        ...(isShown ? {} : { log }),
        env: runtimes[runtime].env,
        ...{ timeout: paths.length > 1 ? 2 * TIMEOUT : TIMEOUT, isMeasured: this.#isMeasured },
      });
      const { problem, isLate } = ending;
      cpu = ending.cpu;
      const reported = await readReport(report);
      tests = (reported ?? []).map((test) => paths.length > 1 ? test : { ...test, file: paths[0] });
      const hasFailed = tests.some(({ outcome }) => outcome === "failed");
      if (isLate) problems.push(`${what} ${problem}`);
      else if (reported === undefined) {
        problems.push(`${what}: there is no report${problem ? `, and it ${problem}` : ""}`);
      } else if (tests.length === 0) problems.push(`${what} ran no test`);
      else if (problem !== undefined && !hasFailed) {
        problems.push(`${what} ${problem} although no test failed`);
      }
    } catch (error) {
      problems.push(`${what}: ${messageOf(error)}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    const seconds = (performance.now() - start) / 1000;
    this.#summary.add({
      ...{ row: runtime, tests, problems, seconds },
      cpu: cpu && { what, time: cpu },
    });
    const failed = tests.filter(({ outcome }) => outcome === "failed").length + problems.length;
    if (failed > 0 && !isShown) await show(log);
    console.log(
      `${failed > 0 ? "FAILED" : "ok    "} ${runtime} ${what}: ${tests.length} tests, ` +
        `${seconds.toFixed(1)} s${cpu ? `, CPU ${(cpu.user + cpu.system).toFixed(1)} s` : ""}`,
    );
  }

  /** Finds a runtime's program, once, and adds its version to the summary. */
  #find(runtime: RuntimeName): Promise<string> {
    let found = this.#programs.get(runtime);
    if (found === undefined) {
      found = runtimes[runtime].find().then(async (program) => {
        this.#summary.setVersion(runtime, await versionOf(program) ?? "-");
        return program;
      });
      this.#programs.set(runtime, found);
    }
    return found;
  }

  #pathsFor(runtime: RuntimeName, paths: readonly string[]): readonly string[] {
    if (!runtimes[runtime].isCompiled) return paths;
    if (!this.#isCompiled) throw new Error("The tests can't be compiled.");
    return paths.map(compiledPath);
  }

  /** Builds the npm packages. If that fails, so do their tests. */
  async #build(): Promise<void> {
    const start = performance.now();
    const problems: string[] = [];
    try {
      await buildNpm();
      console.log("ok     npm: the packages are built");
    } catch (error) {
      console.log(messageOf(error));
      problems.push("the packages can't be built");
    }
    const seconds = (performance.now() - start) / 1000;
    const name = "the packages are built";
    const tests: Test[] = problems.length > 0
      ? []
      : [{ name, file: "", outcome: "passed", seconds }];
    this.#summary.add({ row: "npm", tests, problems, seconds });
  }

  async #compile(): Promise<void> {
    try {
      await compileTests();
      this.#isCompiled = true;
    } catch (error) {
      console.log(messageOf(error));
    }
  }
}

/** Installs both versions of Dovecot. If that is impossible, the tests that start one say why. */
async function installDovecot(): Promise<void> {
  await Promise.allSettled([ensureDovecot(), ensureDovecot24()]);
}

/** Writes a module that imports test files; resolves to its path. */
async function joinFiles(paths: readonly string[], folder: string): Promise<string> {
  const imports = paths.map((path) =>
    `import ${JSON.stringify(pathToFileURL(join(ROOT, path)))};\n`
  );
  const joined = join(folder, "joined_test.ts");
  await Deno.writeTextFile(joined, imports.join(""));
  return joined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
