/**
 * Makes the package for npm, `.cache/npm/dovewire.tgz`: ES modules, and types beside them.
 *
 *     deno task npm [--dnt]
 *
 * `deno pack` does the work. What it lacks is put in behind it: it takes neither a description nor
 * the versions of Node or the programs from anywhere. A module that no export leads to it takes in as
 * TypeScript: tests/npm/ finds that.
 *
 * With `--dnt`, dnt makes a package of the same name and exports, `.cache/npm/dovewire-dnt.tgz`. It is
 * loaded from JSR, so that needs https://jsr.io. The tests use the other one, and nothing here
 * depends on dnt.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { npm, run } from "./tools.ts";

/** What package.json is to say besides what deno.json does. */
const FIELDS = {
  description:
    "Administer Dovecot from TypeScript: clients and servers for its doveadm protocol, a client for " +
    "its HTTP API, and an extractor that reads maildirs for a webmail",
  keywords: ["dovecot", "doveadm", "imap", "mail", "email", "maildir", "webmail"],
  // Symbol.asyncDispose is there from 20.5 on; this is the first one with long-term support.
  engines: { node: ">=20.9" },
  bin: { extractor: "extractor/program/extractor.js" },
};

/**
 * The dependencies that only the version tested here will do for; of others any later one with the
 * same major version will, so that a project that has them itself has them once.
 */
const EXACT: readonly string[] = [
  // What is used of its parser isn't in its documentation: extractor/maildir/mail/structured_field.ts.
  "postal-mime",
];

/** What is put beside the modules. */
const DOCUMENTS = ["README.md", "LICENSE", "CHANGELOG.md"];

/** Not a literal where it is imported: type checking would have to load it. */
const DNT = "jsr:@deno/dnt@^0.42.0";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NPM = join(ROOT, ".cache", "npm");

/** Path of the package that the tests are of. */
export const PACKAGE: string = join(NPM, "dovewire.tgz");

/** What deno.json says of the package. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** The part of dnt that is used. */
interface Dnt {
  build(options: unknown): Promise<void>;
}

/** How to make the package. */
export interface BuildNpmOptions {
  /** Whether dnt is to make it instead of `deno pack`. */
  readonly dnt?: boolean;
}

/** Makes the package; resolves to its path, and rejects with what the tools said. */
export async function buildNpm({ dnt = false }: BuildNpmOptions = {}): Promise<string> {
  const target = dnt ? join(NPM, "dovewire-dnt.tgz") : PACKAGE;
  await Deno.mkdir(NPM, { recursive: true });
  // An older one must not be taken for one that couldn't be made.
  await Deno.remove(target).catch(() => {});
  // Under another name until it is whole: it can be interrupted, and can be one of two at once.
  const work = await Deno.makeTempDir({ dir: NPM, prefix: "unfinished-" });
  try {
    const folder = dnt ? await withDnt(work) : await withDenoPack(work);
    const path = join(folder, "package.json");
    const { name, version, ...others } = JSON.parse(await Deno.readTextFile(path));
    const manifest = {
      name,
      version,
      ...FIELDS,
      ...others,
      dependencies: await readDependencies(),
    };
    await Deno.writeTextFile(path, `${JSON.stringify(manifest, null, 2)}\n`);

    const args = ["pack", "--silent", "--ignore-scripts", `--pack-destination=${work}`];
    const tarball = (await npm(args, folder)).trim();
    await Deno.rename(join(work, tarball), target);
    return target;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The dependencies of package.json, with the versions of them that will do. */
async function readDependencies(): Promise<Readonly<Record<string, string>>> {
  const { dependencies } = JSON.parse(await Deno.readTextFile(join(ROOT, "package.json")));
  const ranges = Object.entries<string>(dependencies).map(([name, version]) => [
    name,
    EXACT.includes(name) ? version : `^${version}`,
  ]);
  return Object.fromEntries(ranges);
}

/** Has `deno pack` make the package in a folder; resolves to where it is unpacked. */
async function withDenoPack(work: string): Promise<string> {
  // Without source maps: they hold the sources, and paths of this machine. With what is not
  // committed, since that is what the tests are to see.
  const args = ["pack", "--quiet", "--allow-dirty", "--no-source-maps"];
  // It goes on about types that it leaves out: those of modules that no export leads to.
  await run(Deno.execPath(), [...args, `--output=${join(work, "pack.tgz")}`], ROOT);
  await run("tar", ["-xzf", "pack.tgz"], work);
  return join(work, "package");
}

/** Has dnt make the package in a folder; resolves to where it is. */
async function withDnt(work: string): Promise<string> {
  const { name, version, license, exports }: Manifest = JSON.parse(
    await Deno.readTextFile(join(ROOT, "deno.json")),
  );
  const { build } = await loadDnt();
  const outDir = join(work, "package");
  await build({
    entryPoints: Object.entries(exports).map(([name, path]) => ({ name, path: join(ROOT, path) })),
    outDir,
    package: { name, version, license },
    // No global is missing: an adapter names its runtime's, and only runs there.
    shims: {},
    scriptModule: false,
    declaration: "separate",
    skipSourceOutput: true,
    skipNpmInstall: true,
    test: false,
    // Deno has checked the types, and knows those of its own API.
    typeCheck: false,
    compilerOptions: { target: "ES2022", lib: ["ESNext", "DOM", "DOM.Iterable"] },
  });
  for (const file of DOCUMENTS) await Deno.copyFile(join(ROOT, file), join(outDir, file));
  return outDir;
}

async function loadDnt(): Promise<Dnt> {
  try {
    return await import(DNT);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot load ${DNT}, which --dnt needs, from https://jsr.io: ${reason}\n` +
        'Try again where that can be reached, or leave "--dnt" out: "deno pack" makes the package too.',
    );
  }
}

if (import.meta.main) {
  const unknown = Deno.args.find((arg) => arg !== "--dnt");
  if (unknown !== undefined) {
    console.error(`There is no option ${unknown}.\nUsage: deno task npm [--dnt]`);
    Deno.exit(2);
  }
  try {
    console.log(await buildNpm({ dnt: Deno.args.includes("--dnt") }));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
