/**
 * Finds the test files, and reads their needs from their imports.
 *
 * @module
 */

import { dirname, join, normalize } from "node:path";
import { ROOT } from "./paths.ts";

/** A test file, and its needs. */
export interface TestFile {
  /** Path, from the project's folder. */
  readonly path: string;
  /** Whether it runs a real Dovecot. */
  readonly needsDovecot: boolean;
  /** Whether it installs the package for npm. */
  readonly needsPackage: boolean;
  /** Whether it or a module that it uses starts other programs. */
  readonly startsPrograms: boolean;
}

/** The modules that make a test need something; only such tests import them. */
const DOVECOT = "tests/harness/dovecot/dovecot.ts";
const PACKAGE = "tests/npm/project.ts";

/** The folders whose modules are searched; the library's own modules start nothing by themselves. */
const LOOKED_AT = /^(tests|examples|scripts|bench)\//;

/** A value import of a module, or the URL of a module that is run as a program. */
const IMPORT =
  /^(?:import|export)\s+(?!type\b)([^"';]*?)\s*\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)|\bnew URL\(\s*"([^"]+\.ts)",\s*import\.meta\.url/gm;

/** The imports of a module. */
interface Module {
  /** Paths of the project's modules, from the project's folder. */
  readonly imports: readonly string[];
  /** Whether it can start another program. */
  readonly startsPrograms: boolean;
}

const modules = new Map<string, Promise<Module>>();

/**
 * The test files whose paths contain one of the filters, sorted by path; all of them if there is no
 * filter.
 */
export async function findTests(filters: readonly string[]): Promise<readonly TestFile[]> {
  const paths: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(join(ROOT, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await visit(path);
      else if (entry.name.endsWith("_test.ts")) paths.push(path);
    }
  };
  await visit("tests");
  const found = paths.sort().filter((path) =>
    filters.length === 0 || filters.some((filter) => path.includes(filter))
  );
  return await Promise.all(found.map(readNeeds));
}

/** Follows the imports of a test file. */
async function readNeeds(path: string): Promise<TestFile> {
  const reached = new Set([path]);
  let startsPrograms = false;
  for (const module of reached) {
    const { imports, startsPrograms: starts } = await readModule(module);
    startsPrograms ||= starts;
    for (const imported of imports) reached.add(imported);
  }
  return {
    path,
    needsDovecot: reached.has(DOVECOT),
    needsPackage: reached.has(PACKAGE),
    startsPrograms,
  };
}

function readModule(path: string): Promise<Module> {
  let module = modules.get(path);
  if (module === undefined) modules.set(path, module = parseModule(path));
  return module;
}

async function parseModule(path: string): Promise<Module> {
  const source = await Deno.readTextFile(join(ROOT, path)).catch(() => "");
  const imports: string[] = [];
  let startsPrograms = /\bnew Deno\.Command\b/.test(source);
  for (const [, names = "", from, bare, dynamic, url] of source.matchAll(IMPORT)) {
    const specifier = from ?? bare ?? dynamic ?? url;
    // `spawn` and `supervise` are the transports' own ways to start a program.
    const isStarter = specifier === "node:child_process" || /\b(spawn|supervise)\b/.test(names);
    if (isStarter) startsPrograms = true;
    if (!specifier.startsWith(".") && url === undefined) continue;
    const imported = normalize(join(dirname(path), specifier));
    if (LOOKED_AT.test(imported)) imports.push(imported);
  }
  return { imports, startsPrograms };
}
