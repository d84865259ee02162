import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a part of the house may import besides itself. */
interface Rule {
  /** Other parts. */
  readonly all: readonly string[];
  /** Parts that only types may come from. */
  readonly types?: readonly string[];
  /** Packages of npm. */
  readonly packages?: readonly string[];
  /** Whether modules of Node, which the other runtimes have as well. */
  readonly node?: boolean;
}

const protobuf = "@bufbuild/protobuf";

const siblings: Rule = { all: ["core", "transports"] };

/** The parts of the house: the families know the core and the transports, and never one another. */
const may: Readonly<Record<string, Rule>> = {
  core: { all: [] },
  transports: { all: ["core"], node: true },
  doveadm: siblings,
  extractor: {
    ...siblings,
    packages: [protobuf, "postal-mime", "re2js"],
    node: true,
  },
  testing: { all: ["core", "transports", "doveadm"] },
};

/** The packages of npm that come with each entry of deno.json; with any other none. */
const dependencies: Readonly<Record<string, readonly string[]>> = {
  "./extractor": [protobuf],
  "./extractor/server": [protobuf, "postal-mime", "re2js"],
  "./extractor/program": [protobuf, "postal-mime", "re2js"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typesOnly: boolean;
}

/** The imports and re-exports of a source file. */
function importsOf(file: string): Import[] {
  const source = readFileSync(file, "utf8").replaceAll(/^\s*\*.*$/gm, "");
  const clause =
    /^\s*(?:(?:import|export)\s([^;]*?)\sfrom|import)\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;
  return [...source.matchAll(clause)].map(([, names = "", fixed, dynamic]) => ({
    from: relative(root, file),
    to: target(file, fixed ?? dynamic),
    typesOnly: names.startsWith("type ") ||
      /^\{[^}]*\}$/s.test(names) &&
        names.slice(1, -1).split(",").every((name) => /^\s*(type\s.*)?$/s.test(name)),
  }));
}

function target(file: string, specifier: string): string {
  return specifier.startsWith(".") ? relative(root, join(dirname(file), specifier)) : specifier;
}

function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(root, folder, name));
}

/** The part of the house that a file is in: its first folder. */
function partOf(path: string): string {
  return path.split("/")[0];
}

/** The package of npm that a specifier names, or `undefined` for a file or a module of the runtime. */
function packageOf(specifier: string): string | undefined {
  if (specifier.endsWith(".ts") || /^(node|cloudflare):/.test(specifier)) return undefined;
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

test("imports point down, or sideways in their own folder", () => {
  const seen = new Map<string, number>();
  for (const folder of Object.keys(may)) {
    for (const file of sourcesIn(folder)) {
      for (const { from, to, typesOnly } of importsOf(file)) {
        const part = partOf(from);
        seen.set(part, (seen.get(part) ?? 0) + 1);
        const { all, types = [], packages = [], node = false } = may[part];
        const dependency = packageOf(to);
        const isAllowed = dependency !== undefined
          ? packages.includes(dependency)
          : to.startsWith("node:") || to.startsWith("cloudflare:")
          ? node
          : partOf(to) === part || all.includes(partOf(to)) ||
            (typesOnly && types.includes(partOf(to)));
        assert(isAllowed, `${from} imports ${to}`);
      }
    }
  }
  for (const part of Object.keys(may)) {
    assert(seen.get(part)! > 3, `no imports of ${part} were seen`);
  }
});

test("a dependency comes with those entries only that can't do without", () => {
  const { exports, imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  for (const [entry, path] of Object.entries<string>(exports)) {
    const found = packagesFrom(path);
    const how = `"${entry}" brings ${found.join(", ") || "no package"}`;
    assert.deepEqual(found, dependencies[entry] ?? [], how);
  }
  for (const entry of Object.keys(dependencies)) assert(entry in exports, entry);

  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(Object.keys(manifest).sort(), [
    ...["dependencies", "devDependencies", "private", "type"],
  ]);
  const used = new Set(Object.values(dependencies).flat());
  assert.deepEqual(Object.keys(manifest.dependencies).sort(), [...used].sort());
  assert.equal(imports, undefined);
});

test("the versions of packages are given exactly", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const versions = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries<string>(versions)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
});

/** The packages that a file and what it imports, however far, bring along; in order. */
function packagesFrom(path: string): string[] {
  const files = new Set([join(root, path)]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const { to } of importsOf(file)) {
      const dependency = packageOf(to);
      if (dependency !== undefined) packages.add(dependency);
      else if (to.endsWith(".ts")) files.add(join(root, to));
    }
  }
  return [...packages].sort();
}

test("only the adapters of a runtime name its globals", () => {
  for (const folder of ["core", "doveadm", "extractor", "testing"]) {
    for (const file of sourcesIn(folder)) {
      const path = relative(root, file);
      // Becoming another user is each runtime's own.
      if (path === "extractor/program/privileges.ts") continue;
      let code = readFileSync(file, "utf8").replaceAll(/^\s*(\*|\/\/|\/\*\*).*$/gm, "");
      // What is imported is no global.
      if (code.includes('import process from "node:process";')) {
        code = code.replaceAll(/\bprocess\./g, "");
      }
      assert(!/\b(Deno|Bun|process|Buffer)\./.test(code), `${path} names a runtime`);
    }
  }
});
