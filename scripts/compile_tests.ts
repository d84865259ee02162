/**
 * Compiles the tests for the npm packages to JavaScript, for versions of Node that can't run TypeScript.
 *
 * `.cache/npm/tested/` gets the content of the package, and in it the tests: their imports by paths such as
 * `../../mod.ts` are then the published modules.
 *
 * @module
 */

import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./build_npm.ts";
import { run } from "./tools.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CACHE = join(ROOT, ".cache");
const TESTED = join(CACHE, "npm", "tested");

const COMPILER_OPTIONS = {
  target: "es2022",
  module: "nodenext",
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
  inlineSourceMap: true,
  inlineSources: true,
  // The sources' types are checked elsewhere.
  noCheck: true,
  noResolve: true,
  types: [],
  rootDir: ROOT,
};

/** Replacements in a test, each with code that is added before the first line. */
const REPLACEMENTS: readonly (readonly [found: RegExp, replacement: string, helper: string])[] = [
  [/new URL\("([^"]+)\.ts", import\.meta\.url\)/g, 'new URL("$1.js", import.meta.url)', ""],
  [/\bimport\.meta\.main\b/g, "(new URL(import.meta.url).pathname === process.argv[1])", ""],
  [
    /\bPromise\.withResolvers\b/g,
    "__withResolvers",
    "function __withResolvers() { const it = {}; it.promise = new Promise((resolve, reject) => " +
    "Object.assign(it, { resolve, reject })); return it; } ",
  ],
];

/**
 * Unpacks the package and compiles all tests for it.
 *
 * Rejects with the tools' output, also if there is no package.
 */
export async function compileTests(): Promise<void> {
  const work = await Deno.makeTempDir({ dir: dirname(TESTED), prefix: "unfinished-" });
  try {
    await run("tar", ["-xzf", PACKAGES[0]], work);
    const outDir = join(work, "package");
    const config = {
      compilerOptions: { ...COMPILER_OPTIONS, outDir },
      include: [join(ROOT, "tests", "**", "*.ts")],
    };
    const project = join(work, "tsconfig.json");
    await Deno.writeTextFile(project, JSON.stringify(config));
    const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    await run(Deno.execPath(), ["run", "--allow-all", "--quiet", compiler, "-p", project], ROOT);
    await adapt(join(outDir, "tests"));
    // Tests find installed tools there.
    await Deno.symlink(CACHE, join(outDir, basename(CACHE)));
    await Deno.remove(TESTED, { recursive: true }).catch(() => {});
    await Deno.rename(outDir, TESTED);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Where the compiled form of a test file is; both paths are from the project's folder. */
export function compiledPath(file: string): string {
  return join(relative(ROOT, TESTED), file.replace(/\.ts$/, ".js"));
}

/**
 * Replaces, in all files of a folder, code that the compiler doesn't change and Node 20 doesn't support.
 *
 * Only in the tests, without adding globals, which the package would see, too.
 */
async function adapt(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) {
      await adapt(path);
      continue;
    }
    let source = await Deno.readTextFile(path);
    for (const [found, replacement, helper] of REPLACEMENTS) {
      const replaced = source.replaceAll(found, replacement);
      if (replaced !== source) source = helper + replaced;
    }
    await Deno.writeTextFile(path, source);
  }
}
