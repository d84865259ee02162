/**
 * A project that has installed the package for npm, as a user's would.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../harness/sockets.ts";

/** This project's folder; tests are also run as copies below `.cache/`. */
export const root: string = findRoot();

/**
 * The tested packages: with DOVEWIRE_DNT=1 those that dnt has built, whose modules are in a folder of their
 * own.
 */
export const tested: { readonly suffix: string; readonly folder: string } = process.env.DOVEWIRE_DNT
  ? { suffix: "-dnt", folder: "esm/" }
  : { suffix: "", folder: "" };

/** Path of a package's tarball. */
export function tarballOf(name: string): string {
  return join(root, ".cache", "npm", `${name}${tested.suffix}.tgz`);
}

/** The runtime's arguments to run a program. */
export const runArguments: readonly string[] = "Deno" in globalThis
  ? ["run", "--allow-all", "--no-check", "--no-lock"]
  : [];

/** A project with packages of this repository in its `node_modules`. */
export interface Project extends AsyncDisposable {
  /** The project's folder. */
  readonly path: string;
  /** The folder of an installed package: "dovewire" or "extractor". */
  installed(name: string): string;
  /** Puts a file into the project. */
  write(name: string, text: string): Promise<void>;
  /** Puts a file of this folder into the project. */
  copy(name: string): Promise<void>;
  /** Runs a program of the project with the runtime that runs the tests. */
  run(name: string, ...args: string[]): Promise<Ending>;
  /** Runs TypeScript's compiler in the project. */
  compile(options: CompilerOptions, ...files: string[]): Promise<Ending>;
}

/** What a program printed, and whether it succeeded. */
export interface Ending {
  /** Whether its exit status was 0. */
  readonly ok: boolean;
  /** Its standard output. */
  readonly output: string;
  /** Its standard error. */
  readonly errors: string;
}

/** Options of TypeScript's compiler, as in tsconfig.json. */
export type CompilerOptions = Readonly<Record<string, unknown>>;

/** Creates a project in a temporary folder and has npm install packages there, by their names. */
export async function installPackages(...names: readonly string[]): Promise<Project> {
  const tarballs = names.map(tarballOf);
  for (const tarball of tarballs) {
    assert.ok(existsSync(tarball), `There is no ${tarball}. Build it with "deno task npm".`);
  }
  const folder = await temporaryFolder();
  const { path } = folder;
  const write = (name: string, text: string) => writeFile(join(path, name), text);
  await write("package.json", JSON.stringify({ private: true, type: "module" }));
  await mkdir(join(path, "node_modules"));
  // What it depends on comes from the registry, and from npm's cache from the second time on.
  const options = ["--no-audit", "--no-fund", "--no-save", "--no-package-lock"];
  if (tarballs.length > 0) {
    const args = ["install", "--prefer-offline", ...options, ...tarballs];
    const { ok, errors } = await execute("npm", args, path);
    assert.ok(ok, errors);
  }
  return {
    path,
    installed: (name) => join(path, "node_modules", "@dovewire", name),
    write,
    copy: (name) => copyFile(join(root, "tests", "npm", name), join(path, name)),
    run: (name, ...args) => execute(process.execPath, [...runArguments, name, ...args], path),
    async compile(compilerOptions, ...files) {
      // A user's project has the types of its runtime installed.
      const types = join("node_modules", "@types");
      await mkdir(join(path, types), { recursive: true });
      if (!existsSync(join(path, types, "node"))) {
        await symlink(join(root, types, "node"), join(path, types, "node"));
      }
      await write("tsconfig.json", JSON.stringify({ compilerOptions, files }));
      const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
      return await execute(process.execPath, [...runArguments, compiler, "--project", path], path);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Runs a program in a folder, with these variables besides its environment. */
export function execute(
  program: string,
  args: readonly string[],
  folder: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const env = { ...process.env, ...variables };
  return new Promise((resolve) => {
    execFile(program, args, { cwd: folder, env }, (error, output, errors) => {
      resolve({ ok: error === null, output, errors: `${errors}${error?.message ?? ""}` });
    });
  });
}

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "deno.json"))) {
    assert.notEqual(dirname(folder), folder, "There is no deno.json above the tests.");
    folder = dirname(folder);
  }
  return folder;
}
