/**
 * Builds the packages for npm, `dovewire.tgz`, `extractor.tgz` and `cli.tgz` in `.cache/npm/`: ES modules with
 * type declarations.
 *
 *     deno task npm [--dnt]
 *
 * `deno pack` does the work. This script adds the missing fields of package.json (`npm/manifest.ts`) and
 * dependencies on packages of this repository, prepares the declarations (`npm/declarations.ts`), and joins
 * modules for runtimes (`npm/bundles.ts`). A module that no export imports stays TypeScript in the tarball;
 * tests/npm/ detects that.
 *
 * With `--dnt`, dnt builds packages with the same names and exports, `.cache/npm/…-dnt.tgz`. It is
 * loaded from https://jsr.io. The tests use the other packages, and nothing here depends on dnt.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleEntries } from "./npm/bundles.ts";
import { prepareDeclarations } from "./npm/declarations.ts";
import { buildWithDnt } from "./npm/dnt.ts";
import {
  type Entries,
  manifestExports,
  manifestFields,
  type Member,
  MEMBERS,
} from "./npm/manifest.ts";
import { npm, run } from "./tools.ts";

/**
 * The dependencies that are pinned to the version tested here; the others may be any later one with the
 * same major version, so that a project that uses them, too, installs them once.
 */
const EXACT: readonly string[] = [
  // Undocumented names of its parser are used in extractor/maildir/mail/structured_field.ts.
  "postal-mime",
  // Its WebAssembly is used by names that its documentation lacks: extractor/maildir/compression/xz.ts.
  "xz-decompress",
];

/** The documents that each package has; a package's own file comes before the project's. */
const DOCUMENTS = ["README.md", "LICENSE", "CHANGELOG.md"];

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NPM = join(ROOT, ".cache", "npm");

/** Paths of the tested packages, the main one first. */
export const PACKAGES: readonly string[] = MEMBERS.map(({ tarball }) =>
  join(NPM, `${tarball}.tgz`)
);

/** The fields of a deno.json that are used. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

/** Options for building the packages. */
export interface BuildNpmOptions {
  /** Whether dnt builds them instead of `deno pack`. */
  readonly dnt?: boolean;
}

/** Builds the packages; resolves to their paths, and rejects with the tools' output. */
export async function buildNpm({ dnt = false }: BuildNpmOptions = {}): Promise<readonly string[]> {
  await Deno.mkdir(NPM, { recursive: true });
  const targets: string[] = [];
  for (const member of MEMBERS) targets.push(await buildMember(member, dnt));
  return targets;
}

async function buildMember(member: Member, dnt: boolean): Promise<string> {
  const target = join(NPM, `${member.tarball}${dnt ? "-dnt" : ""}.tgz`);
  // If the build fails, no older package must be left.
  await Deno.remove(target).catch(() => {});
  // Under another name until it is complete: a build can be interrupted, or run twice at once.
  const work = await Deno.makeTempDir({ dir: NPM, prefix: "unfinished-" });
  try {
    const source = join(ROOT, member.folder);
    const folder = dnt
      ? await buildWithDnt(member, { root: ROOT, work })
      : await withDenoPack(source, work);
    for (const name of DOCUMENTS) {
      const own = join(source, name);
      const exists = await Deno.stat(own).then(() => true, () => false);
      await Deno.copyFile(exists ? own : join(ROOT, name), join(folder, name));
    }
    await prepareDeclarations(folder);
    await writeManifest(member, folder);

    const args = ["pack", "--silent", "--ignore-scripts", `--pack-destination=${work}`];
    const tarball = (await npm(args, folder)).trim();
    await Deno.rename(join(work, tarball), target);
    return target;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Completes the package.json that the tool has written. */
async function writeManifest(member: Member, folder: string): Promise<void> {
  const path = join(folder, "package.json");
  const { name, version, exports, ...others } = JSON.parse(await Deno.readTextFile(path));
  const found = entriesOf(exports);
  const entries = member.isBundled ? await bundleEntries(folder, found) : found;
  const dependencies = await readDependencies(join(ROOT, member.folder));
  const { first, last } = manifestFields(member, entries);
  const manifest = {
    ...{ name, version, ...first, ...others, type: "module" },
    ...{ exports: manifestExports(entries), ...last },
    ...(Object.keys(dependencies).length === 0 ? {} : { dependencies }),
  };
  await Deno.writeTextFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Where a tool's package.json says that the entries are: with their types, or with those beside them. */
function entriesOf(exports: Readonly<Record<string, Conditions>>): Entries {
  return Object.fromEntries(
    Object.entries(exports).map(([name, { types, import: found }]) => {
      const code = typeof found === "string" ? found : found.default;
      const given = typeof found === "string" ? types : found.types;
      return [name, { types: given ?? code.replace(/\.js$/, ".d.ts"), default: code }];
    }),
  );
}

/** The conditions of an entry. */
interface Conditions {
  readonly types?: string;
  readonly import: string | { readonly types?: string; readonly default: string };
}

/** A package's dependencies: its deno.json's npm packages, and for other packages also the main one. */
async function readDependencies(folder: string): Promise<Record<string, string>> {
  const { imports = {} } = await readManifest(folder);
  const dependencies: Record<string, string> = {};
  const main = await readManifest(ROOT);
  if (folder !== join(ROOT, ".")) dependencies[main.name] = `^${main.version}`;
  for (const specifier of Object.values(imports)) {
    const [, name, version] = /^npm:(@?[^@]+)@(.+)$/.exec(specifier) ?? [];
    if (name !== undefined) dependencies[name] = EXACT.includes(name) ? version : `^${version}`;
  }
  return dependencies;
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(join(folder, "deno.json")));
}

/** Builds the package in a folder with `deno pack`; resolves to the path where it is unpacked. */
async function withDenoPack(source: string, work: string): Promise<string> {
  // Without source maps, which contain the sources and local paths. With uncommitted changes, since the
  // tests are to test them.
  const args = ["pack", "--quiet", "--allow-dirty", "--no-source-maps"];
  // It warns about missing types of modules that no export imports.
  await run(Deno.execPath(), [...args, `--output=${join(work, "pack.tgz")}`], source);
  await run("tar", ["-xzf", "pack.tgz"], work);
  return join(work, "package");
}

if (import.meta.main) {
  const unknown = Deno.args.find((arg) => arg !== "--dnt");
  if (unknown !== undefined) {
    console.error(`There is no option ${unknown}.\nUsage: deno task npm [--dnt]`);
    Deno.exit(2);
  }
  try {
    for (const path of await buildNpm({ dnt: Deno.args.includes("--dnt") })) console.log(path);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
