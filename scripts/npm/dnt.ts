/**
 * Builds a package with dnt, which Deno loads from https://jsr.io.
 *
 * @module
 */

import { join } from "node:path";
import type { Member } from "./manifest.ts";

/** Not a literal in the import, since type checking would load it then. */
const DNT = "jsr:@deno/dnt@^0.43.0";

/** The part of dnt that is used. */
interface Dnt {
  build(options: unknown): Promise<void>;
}

/** The fields of a deno.json that are used. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

/** Builds the package in a folder with dnt, in a folder for work; resolves to its path. */
export async function buildWithDnt(
  { folder, programs }: Member,
  { root, work }: { readonly root: string; readonly work: string },
): Promise<string> {
  const source = join(root, folder);
  const { name, version, license, exports, imports = {} } = await readManifest(source);
  const { build } = await loadDnt();
  const outDir = join(work, "package");
  const main = await readManifest(root);
  const isMain = name === main.name;
  // The packages of this repository import each other by their names, which dnt would look up.
  const own = isMain ? {} : { [`${main.name}/`]: `npm:/${main.name}@^${main.version}/` };
  const importMap = join(work, "import_map.json");
  await Deno.writeTextFile(importMap, JSON.stringify({ imports: { ...imports, ...own } }));
  const entryOf = (name: string, kind: "export" | "bin", entry: string) => ({
    ...{ kind, name, path: join(source, exports[entry]) },
  });
  await build({
    entryPoints: [
      ...Object.keys(exports).map((entry) => entryOf(entry, "export", entry)),
      ...Object.entries(programs).map(([name, entry]) => entryOf(name, "bin", entry)),
    ],
    ...{ outDir, importMap, configFile: false },
    package: { name, version, license },
    // No shims: an adapter uses its own runtime's globals, and only runs there.
    shims: {},
    polyfills: false,
    ...{ scriptModule: false, declaration: "inline" },
    ...{ skipSourceOutput: true, skipNpmInstall: true, test: false },
    // Deno has checked the types already, including those of its own API.
    typeCheck: false,
    compilerOptions: { target: "ES2022", lib: ["ESNext", "DOM", "DOM.Iterable"] },
  });
  for (const entry of Object.values(programs)) {
    await mendProgram(join(outDir, "esm", exports[entry].replace(/\.ts$/, ".js")));
  }
  return outDir;
}

/**
 * Removes what dnt makes of a program's first line, "#!/usr/bin/env node": it adds that line itself, and an
 * import, and compiles the rest of the first one as an expression.
 */
async function mendProgram(path: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace(/^!\/usr\/bin \/ env;\nnode;\n/m, ""));
}

async function loadDnt(): Promise<Dnt> {
  try {
    return await import(DNT);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot load ${DNT}, which --dnt needs, from https://jsr.io: ${reason}\n` +
        'Try again where that can be reached, or leave "--dnt" out: "deno pack" builds the package, too.',
    );
  }
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(join(folder, "deno.json")));
}
