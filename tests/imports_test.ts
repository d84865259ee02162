import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What each folder may import besides itself; `types` for what only types may come from. */
const may: Readonly<Record<string, { readonly all: string[]; readonly types?: string[] }>> = {
  core: { all: [] },
  transports: { all: [], types: ["core"] },
  client: { all: ["core", "transports"] },
  server: { all: ["core", "transports"] },
  testing: { all: ["core", "transports", "server"] },
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typesOnly: boolean;
}

/** The imports and re-exports of a source file. */
function importsOf(file: string): Import[] {
  const source = readFileSync(file, "utf8").replaceAll(/^\s*\*.*$/gm, "");
  const clause = /^\s*(?:import|export)\s([^;]*?)\sfrom\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;
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

test("imports point down, or sideways in their own folder", () => {
  let seen = 0;
  for (const [folder, { all, types = [] }] of Object.entries(may)) {
    for (const file of sourcesIn(folder)) {
      for (const { from, to, typesOnly } of importsOf(file)) {
        seen++;
        const place = to.split("/")[0];
        const isAllowed = place === folder || all.includes(place) ||
          (typesOnly && types.includes(place)) ||
          (folder === "transports" && to.startsWith("node:"));
        assert(isAllowed, `${from} imports ${to}`);
      }
    }
  }
  assert(seen > 50, `only ${seen} imports were seen`);
});

test("the library has no dependency", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(Object.keys(manifest).sort(), ["devDependencies", "private", "type"]);
  const { imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  assert.equal(imports, undefined);
});

test("only the adapters of a runtime name its globals", () => {
  for (const folder of ["core", "client", "server", "testing"]) {
    for (const file of sourcesIn(folder)) {
      const code = readFileSync(file, "utf8").replaceAll(/^\s*(\*|\/\/|\/\*\*).*$/gm, "");
      assert(
        !/\b(Deno|Bun|process|Buffer)\./.test(code),
        `${relative(root, file)} names a runtime`,
      );
    }
  }
});
