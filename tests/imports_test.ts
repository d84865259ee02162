import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const mainPackage = "@dovewire/dovewire";

function readJson(...path: readonly string[]) {
  return JSON.parse(readFileSync(join(root, ...path), "utf8"));
}

/** The allowed imports of a part, besides its own files. */
interface Rule {
  /** Other parts. */
  readonly all: readonly string[];
  /** Entries of the main package, named without it. */
  readonly main?: readonly string[];
  /** Packages of npm. */
  readonly packages?: readonly string[];
  /** Whether it may import Node's modules, which the other runtimes have as well. */
  readonly node?: boolean;
}

const protobuf = "@bufbuild/protobuf";

/** The packages that read mails. */
const readers = [protobuf, "fzstd", "postal-mime", "re2js", "seek-bzip", "xz-decompress"];

/** The packages of the command: a prompt, progress, suggestions, metrics, and the width of texts on terminals. */
const cliPackages = [
  ...["@clack/prompts", "cli-progress", "fastest-levenshtein", "prom-client", "string-width"],
];

/** The parts: the families know the core and the transports, and never one another. */
const may: Readonly<Record<string, Rule>> = {
  core: { all: [] },
  transports: { all: ["core"], node: true },
  doveadm: { all: ["core", "transports"] },
  imap: { all: ["core", "transports"] },
  // A package of its own: it uses only public names of the main one.
  extractor: {
    all: [],
    main: ["core", "core/extractor", "core/imap", "transports"],
    packages: readers,
    node: true,
  },
  // Its journal may be a file.
  sweep: { all: ["core", "transports", "doveadm"], node: true },
  // A package of its own, too.
  fleet: {
    all: [],
    main: ["core", "sweep", "transports"],
    packages: ["bullmq", "ioredis"],
    node: true,
  },
  testing: { all: ["core", "transports", "doveadm"] },
  // A package of its own as well.
  cli: {
    all: [],
    main: [
      ...["", "core", "core/doveadm", "core/doveadm/catalogue", "sweep"],
      ...["testing", "transports"],
    ],
    packages: cliPackages,
    node: true,
  },
};

/** Packages with npm dependencies, by the folders that their deno.json files are in; and those of each entry. */
const dependencies: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  ".": {},
  extractor: {
    ".": [protobuf],
    "./server": readers,
    "./program": readers,
  },
  fleet: {
    ".": ["bullmq", "ioredis"],
  },
  cli: { ".": cliPackages },
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** The imports and re-exports of a source file. */
function importsOf(file: string): Import[] {
  const source = readFileSync(file, "utf8").replaceAll(/^\s*\*.*$/gm, "");
  const clause =
    /^\s*(?:(?:import|export)\s([^;]*?)\sfrom|import)\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;
  return [...source.matchAll(clause)].map(([, , fixed, dynamic]) => ({
    from: relative(root, file),
    to: target(file, fixed ?? dynamic),
  }));
}

function target(file: string, specifier: string): string {
  return specifier.startsWith(".") ? relative(root, join(dirname(file), specifier)) : specifier;
}

/** Whether a specifier is one of the main package's entries. */
function isMain(specifier: string): boolean {
  return specifier === mainPackage || specifier.startsWith(`${mainPackage}/`);
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(root, folder, name));
}

/** The part of a file: its first folder. */
function partOf(path: string): string {
  return path.split("/")[0];
}

/** The npm package in a specifier, or `undefined` for a file or a module of the runtime. */
function packageOf(specifier: string): string | undefined {
  if (specifier.endsWith(".ts") || /^(node|cloudflare):/.test(specifier)) return undefined;
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

test("imports › of each part › point down, or stay in their own folder", () => {
  const seen = new Map<string, number>();
  for (const part of Object.keys(may)) {
    for (const file of sourcesIn(part)) {
      for (const { from, to } of importsOf(file)) {
        seen.set(part, (seen.get(part) ?? 0) + 1);
        const { all, main = [], packages = [], node = false } = may[part];
        const dependency = packageOf(to);
        const isAllowed = isMain(to)
          ? main.includes(to.slice(mainPackage.length + 1))
          : dependency !== undefined
          ? packages.includes(dependency)
          : to.startsWith("node:") || to.startsWith("cloudflare:")
          ? node
          : partOf(to) === part || all.includes(partOf(to));
        assert(isAllowed, `${from} imports ${to}`);
      }
    }
  }
  for (const part of Object.keys(may)) {
    assert(seen.get(part)! > 3, `no imports of ${part} were seen`);
  }
});

test("npm packages › of an entry › are the necessary ones", () => {
  for (const [folder, entries] of Object.entries(dependencies)) {
    const { exports, imports = {} } = readJson(folder, "deno.json");
    for (const [entry, path] of Object.entries<string>(exports)) {
      const found = packagesFrom(join(folder, path));
      const how = `${folder} "${entry}" brings ${found.join(", ") || "no package"}`;
      assert.deepEqual(found, entries[entry] ?? [], how);
    }
    for (const entry of Object.keys(entries)) assert(entry in exports, entry);
    const used = new Set(Object.values(entries).flat());
    assert.deepEqual(Object.keys(imports).sort(), [...used].sort(), folder);
  }
});

test("npm packages › versions › are exact, and the same everywhere", () => {
  const manifest = readJson("package.json");
  const versions = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries<string>(versions)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
  const named: Record<string, string> = {};
  for (const folder of Object.keys(dependencies)) {
    const { imports = {} } = readJson(folder, "deno.json");
    for (const [name, specifier] of Object.entries<string>(imports)) {
      assert.equal(specifier, `npm:${name}@${manifest.dependencies[name]}`);
      named[name] = manifest.dependencies[name];
    }
  }
  assert.deepEqual(manifest.dependencies, named);
});

test("packages › name, exports and version › are the same in all manifests", () => {
  const main = readJson("deno.json");
  const manifest = readJson("package.json");
  assert.equal(main.name, mainPackage);
  assert.equal(manifest.name, mainPackage);
  // Node and Bun resolve the package's own name by this one.
  assert.deepEqual(manifest.exports, main.exports);
  for (const folder of main.workspace) {
    assert.equal(readJson(folder, "deno.json").version, main.version);
  }
});

/** The file of one of the main package's entries. */
function mainFileOf(specifier: string): string {
  return readJson("deno.json").exports[specifier.replace(mainPackage, ".")];
}

/** The npm packages that a file needs, also through its imports; sorted. */
function packagesFrom(path: string): string[] {
  const files = new Set([join(root, path)]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const { to } of importsOf(file)) {
      const dependency = packageOf(to);
      if (isMain(to)) files.add(join(root, mainFileOf(to)));
      else if (dependency !== undefined) packages.add(dependency);
      else if (to.endsWith(".ts")) files.add(join(root, to));
    }
  }
  return [...packages].sort();
}

test("runtime globals › in all sources › are used only by that runtime's adapters", () => {
  const folders = ["cli", "core", "doveadm", "extractor", "fleet", "imap", "sweep", "testing"];
  for (const folder of folders) {
    for (const file of sourcesIn(folder)) {
      const path = relative(root, file);
      // Changing the user is different in each runtime.
      if (path === "extractor/program/privileges.ts") continue;
      let code = readFileSync(file, "utf8").replaceAll(/^\s*(\*|\/\/|\/\*\*).*$/gm, "");
      // An imported name is no global.
      if (code.includes('import process from "node:process";')) {
        code = code.replaceAll(/\bprocess\./g, "");
      }
      assert(!/\b(Deno|Bun|process|Buffer)\./.test(code), `${path} names a runtime`);
    }
  }
});
