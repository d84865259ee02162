/**
 * Times `dovewire who` as a whole process beside `doveadm who`, at a real Dovecot 2.3: on Node, Bun and Deno, and
 * compiled. All are run in turns in one run.
 *
 * Each runtime is timed in three steps, so that differences show what a start consists of: an empty program,
 * `dovewire --version`, which loads the modules of `who` and prints, and `dovewire who`. On Node and Bun it is
 * the package as npm installs it, on Deno the sources, checked and cached.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startDovecot } from "../../tests/harness/dovecot/dovecot.ts";
import { installPackages, root } from "../../tests/npm/project.ts";
import { buildNpm } from "../../scripts/build_npm.ts";
import { compileCli } from "../../scripts/compile_cli.ts";
import { findBun, findNode } from "../../scripts/tools.ts";
import { spreadOf } from "../harness/spread.ts";

/** The programs to compare. */
interface ColdStartPrograms {
  /** Paths of the runtimes. */
  readonly node20: string;
  readonly node24: string;
  readonly bun: string;
  readonly deno: string;
  /** Path of the compiled program. */
  readonly compiled: string;
}

/** A program to time: its command lines by what they do. */
interface Program {
  readonly name: string;
  /** An empty program, if it is one of a runtime. */
  readonly empty?: readonly string[];
  readonly version?: readonly string[];
  readonly who: readonly string[];
}

/** A process, in milliseconds. */
interface Time {
  readonly passed: number;
  /** Of the processor. */
  readonly used: number;
}

const run = promisify(execFile);

/** Prints the times of all programs, by that many rounds. */
async function compareColdStarts(programs: ColdStartPrograms, rounds: number): Promise<void> {
  await using dovecot = await startDovecot({ version: "2.3", users: ["alice"] });
  await using project = await installPackages("dovewire", "cli");
  const folder = await mkdtemp(join(tmpdir(), "dovewire-"));
  try {
    const empty = join(folder, "empty.mjs");
    await writeFile(empty, "");
    const installed = await realpath(join(project.path, "node_modules", ".bin", "dovewire"));
    const server = ["--server", `doveadm+unix://${dovecot.socket}`, "who"];
    const ofRuntime = (name: string, runtime: readonly string[], program: string): Program => ({
      name,
      empty: [...runtime, empty],
      version: [...runtime, program, "--version"],
      who: [...runtime, program, ...server],
    });
    const doveadm = ["doveadm", "-c", join(dovecot.folder, "dovecot.conf")];
    const source = join(root, "cli/program/dovewire.ts");
    await print(rounds, [
      { name: "doveadm 2.3", who: [...doveadm, "who"] },
      ofRuntime("Node 20", [programs.node20], installed),
      ofRuntime("Node 24", [programs.node24], installed),
      ofRuntime("Bun", [programs.bun], installed),
      ofRuntime("Deno", [programs.deno, "run", "--allow-all", "--no-check"], source),
      {
        name: "compiled",
        version: [programs.compiled, "--version"],
        who: [programs.compiled, ...server],
      },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function print(rounds: number, programs: readonly Program[]): Promise<void> {
  const steps = programs.flatMap((program) =>
    (["empty", "version", "who"] as const).flatMap((step) => {
      const command = program[step];
      return command === undefined ? [] : [{ name: program.name, step, command }];
    })
  );
  const times = new Map(steps.map((it) => [it, [] as Time[]]));
  // The first round fills the caches.
  for (let round = -1; round < rounds; round++) {
    for (const step of steps) {
      const time = await timeProcess(step.command);
      if (round >= 0) times.get(step)!.push(time);
    }
  }
  console.log(`ms passed, median (quartiles), and of the processor; ${rounds} rounds`);
  for (const { name } of programs) {
    const texts = steps.filter((it) => it.name === name).map((it) =>
      `${it.step} ${summary(times.get(it)!)}`
    );
    console.log(`  ${name.padEnd(12)} ${texts.join("   ")}`);
  }
}

function summary(times: readonly Time[]): string {
  const { median, q1, q3 } = spreadOf(times.map(({ passed }) => passed));
  const used = spreadOf(times.map(({ used }) => used));
  const [whole, first, third, cpu] = [median, q1, q3, used.median].map((time) => time.toFixed(0));
  return `${whole} (${first}-${third}), ${cpu}`;
}

/** Runs a program; bash measures it, since no runtime says how much of the processor a child used. */
async function timeProcess(command: readonly string[]): Promise<Time> {
  const script = `TIMEFORMAT="%R %U %S"; { time "$@" >/dev/null 2>"$0"; } 2>&1`;
  const { stdout } = await run("bash", ["-c", script, "/dev/null", ...command]);
  const [passed, user, system] = stdout.trim().split(" ").map((seconds) => 1000 * Number(seconds));
  return { passed, used: user + system };
}

if (import.meta.main) {
  await buildNpm();
  const programs: ColdStartPrograms = {
    node20: await findNode(20),
    node24: await findNode(24),
    bun: await findBun(),
    deno: Deno.execPath(),
    compiled: await compileCli(Deno.build.arch === "aarch64" ? "arm64" : "x64"),
  };
  await compareColdStarts(programs, 21);
}
