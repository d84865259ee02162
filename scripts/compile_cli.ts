/**
 * Compiles the command `dovewire` to single files that need no runtime, for Linux on x64 and arm64:
 * `.cache/bin/dovewire-linux-x64` and `.cache/bin/dovewire-linux-arm64`.
 *
 *     deno task compile [x64] [arm64]
 *
 * `bun build --compile` does it, with the Bun that npm has for each of them. The file for this machine also has
 * the program's bytecode, which makes it start in a third of the time.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bunFor, findBun, run } from "./tools.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, ".cache", "bin");

/** The machines, and what Deno calls them. */
const MACHINES = { x64: "linux x86_64", arm64: "linux aarch64" } as const;

/** A machine that there is a file for. */
export type Machine = keyof typeof MACHINES;

/** Compiles the program for a machine; resolves to the file's path, and rejects with Bun's messages. */
export async function compileCli(machine: Machine): Promise<string> {
  await Deno.mkdir(FOLDER, { recursive: true });
  const target = join(FOLDER, `dovewire-linux-${machine}`);
  const args = [
    ...["build", "--compile", `--target=bun-linux-${machine}`, "--minify-syntax"],
    // Only where it can be tried.
    ...(isThisMachine(machine) ? ["--bytecode", "--format=esm"] : []),
    // Otherwise Bun downloads it.
    `--compile-executable-path=${await bunFor(MACHINES[machine])}`,
    ...[`--outfile=${target}`, join("cli", "program", "dovewire.ts")],
  ];
  await run(await findBun(), args, ROOT);
  return target;
}

function isThisMachine(machine: Machine): boolean {
  return MACHINES[machine] === `${Deno.build.os} ${Deno.build.arch}`;
}

if (import.meta.main) {
  const machines = Deno.args.length === 0 ? Object.keys(MACHINES) : Deno.args;
  const unknown = machines.find((machine) => !(machine in MACHINES));
  if (unknown !== undefined) {
    console.error(`There is no machine ${unknown}.\nUsage: deno task compile [x64] [arm64]`);
    Deno.exit(2);
  }
  for (const machine of machines) console.log(await compileCli(machine as Machine));
}
