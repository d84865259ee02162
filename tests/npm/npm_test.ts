import assert from "node:assert/strict";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { builtinModules } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { entriesOf, isProgram } from "./entries.ts";
import { type CompilerOptions, installPackages, type Project, root, tested } from "./project.ts";

const scenarios = ["imports", "tcp", "unix", "serve", "driver", "errors", "extractor"];

/** Compiler options that a user may have; the types of the package itself are checked as well. */
const settings: Readonly<Record<string, CompilerOptions>> = {
  nodenext: {
    ...{ module: "nodenext", moduleResolution: "nodenext", target: "es2022", strict: true },
    ...{ lib: ["es2022"], types: ["node"], skipLibCheck: false },
  },
  bundler: {
    ...{ module: "esnext", moduleResolution: "bundler", target: "es2022", strict: true },
    ...{ lib: ["es2022", "esnext.disposable", "dom", "dom.asynciterable"], types: [] },
    skipLibCheck: false,
  },
};

/** Wrong lines, and the compiler's errors for them. */
const wrong: readonly [line: string, message: RegExp | undefined][] = [
  ['import { connect } from "@dovewire/dovewire";', undefined],
  ['import { nothing } from "@dovewire/dovewire/core";', /TS2305.*'nothing'/],
  ['const doveadm = connect("doveadm://host");', undefined],
  ['const [quota] = await doveadm.run("quota get", { user: "tss" });', undefined],
  ["export const limit: number | null = quota.limit;", undefined],
  ["export const text: string = quota.limit;", /TS2322.*'number \| null'.*'string'/],
  ['await doveadm.run("quota get", { usr: "tss" });', /TS\d+.*'usr'/],
  ['await doveadm.run("quota git", { user: "tss" });', /TS\d+.*"quota git"/],
  ["export const { nosuch } = quota;", /TS2339.*'nosuch'/],
  ['import { openExtractor } from "@dovewire/extractor";', undefined],
  ['import type { MimePart } from "@dovewire/extractor/server";', undefined],
  ['const names = { maildir: "/m", systemUser: "vmail", mailUser: "joe" };', undefined],
  ['const extractor = openExtractor({ command: ["extractor"], ...names });', undefined],
  ['export const [{ dateSent }] = await extractor.list({ sortBy: "!date" });', undefined],
  ['await extractor.list({ sortBy: "newest" });', /TS2322.*"newest"/],
  ["export const sent: Date = dateSent;", /TS2322.*'Date \| undefined'/],
  ["export const size = (part: MimePart): bigint => part.size;", undefined],
  ["export const lines = (part: MimePart): number => part.lines;", /TS2339.*'lines'/],
];

/** The packages, with where their deno.json is, and the folders that each has. */
const packages = [
  {
    name: "dovewire",
    folder: root,
    parts: ["core", "doveadm", "imap", "sweep", "testing", "transports"],
    documents: [],
  },
  {
    name: "extractor",
    folder: join(root, "extractor"),
    parts: ["client", "maildir", "messages", "program", "server"],
    documents: ["messages/extractor/extractor.proto"],
  },
  { name: "fleet", folder: join(root, "fleet"), parts: ["src"], documents: [] },
  {
    name: "cli",
    folder: join(root, "cli"),
    parts: [
      "command_line",
      "exporter",
      "output",
      "program",
      "run",
      "serve",
      "servers",
      "top",
      "trace",
    ],
    documents: [],
  },
] as const;

/** The modules of each package that may use Node's, which the other runtimes have as well. */
const usesNode = {
  ...{ dovewire: "(transports|sweep)/", extractor: "(maildir|program)/", fleet: "src/", cli: "" },
} as const;

let project: Promise<Project> | undefined;
let compiled: Promise<Project> | undefined;

/** One installation for all tests. */
function installed(): Promise<Project> {
  return project ??= installPackages(...packages.map(({ name }) => name));
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

/** The packages of which runtimes get joined modules. */
const joined = ["dovewire", "cli"];

/** Dependencies of which only the version tested here will do: others may have other names inside. */
const exact = ["postal-mime", "xz-decompress"];

/** The npm packages that a deno.json names, with the versions that do for package.json. */
function dependenciesIn(
  { imports = {} }: { readonly imports?: Readonly<Record<string, string>> },
): Record<string, string> {
  return Object.fromEntries(
    Object.values(imports).map((specifier) => {
      const [, name, version] = /^npm:(.+)@(.+)$/.exec(specifier)!;
      return [name, exact.includes(name) ? version : `^${version}`];
    }),
  );
}

async function readJson(...path: readonly string[]) {
  return JSON.parse(await readFile(join(...path), "utf8"));
}

test("npm packages › the main one alone › brings no other package", async () => {
  await using alone = await installPackages("dovewire");
  const modules = await readdir(join(alone.path, "node_modules"));
  assert.deepEqual(modules.filter((name) => !name.startsWith(".")), ["@dovewire"]);
  assert.deepEqual(await readdir(join(alone.path, "node_modules", "@dovewire")), ["dovewire"]);
});

for (const { name, folder: source, parts, documents } of packages) {
  test(`npm package ${name} › package.json › says what deno.json says`, async () => {
    const folder = (await installed()).installed(name);
    const deno = await readJson(source, "deno.json");
    const npm = await readJson(folder, "package.json");
    const { version } = await readJson(root, "deno.json");
    for (const key of ["name", "version", "license"]) assert.equal(npm[key], deno[key], key);
    assert.equal(npm.version, version);
    assert.deepEqual([npm.type, npm.engines], ["module", { node: ">=20.9" }]);
    const dependencies = {
      ...(name === "dovewire" ? {} : { "@dovewire/dovewire": `^${version}` }),
      ...dependenciesIn(deno),
    };
    assert.deepEqual(npm.dependencies ?? {}, dependencies);
    for (const key of Object.keys(npm)) assert.doesNotMatch(key, /\wdependencies|scripts/i);
    const { "./package.json": itself, ...exports } = npm.exports;
    assert.equal(itself, "./package.json");
    assert.deepEqual(Object.keys(exports).sort(), Object.keys(deno.exports).sort());
    for (const [path, source] of Object.entries<string>(deno.exports)) {
      const { types, module, default: code, ...conditions } = exports[path];
      assert.deepEqual(conditions, {});
      // Bundlers get the modules one by one, runtimes joined ones.
      const place = `./${tested.folder}${source.slice(2)}`;
      assert.equal(module ?? code, place.replace(/\.ts$/, ".js"));
      if (joined.includes(name)) assert.equal(code, module.replace("./", "./bundled/"));
      assert.equal(types, place.replace(/\.ts$/, ".d.ts"));
      for (const file of [types, module ?? code, code]) await readFile(join(folder, file));
    }
  });

  test(`npm package ${name} › package.json › says what the registry and bundlers ask`, async () => {
    const folder = (await installed()).installed(name);
    const npm = await readJson(folder, "package.json");
    assert.match(npm.homepage, /^https:\/\/.*#readme$/);
    assert.match(npm.bugs.url, /^https:\/\/.*\/issues$/);
    const directory = name === "dovewire" ? {} : { directory: name };
    assert.deepEqual({ ...npm.repository, url: "" }, { type: "git", url: "", ...directory });
    assert.match(npm.repository.url, /^git\+https:\/\/.*\.git$/);
    assert.deepEqual(npm.publishConfig, { access: "public", provenance: true });
    const programs = Object.values<string>(npm.bin ?? {}).map((path) => `./${path}`);
    const modules = programs.flatMap((path) =>
      joined.includes(name) ? [path, path.replace("/bundled", "")] : [path]
    );
    assert.deepEqual(npm.sideEffects, modules.length === 0 ? false : modules);
    for (const path of Object.entries<string>(npm.browser ?? {}).flat()) {
      assert.match(await readFile(join(folder, path), "utf8"), /^export /m);
    }
    if (name === "dovewire") assert.equal(Object.keys(npm.browser).length, 6);
  });

  test(`npm package ${name} › its files › are modules, types and documents`, async () => {
    const folder = (await installed()).installed(name);
    const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
    if (tested.suffix !== "") return assert.ok(files.includes("LICENSE"));
    const others = files.filter((file) => !/\.(js|d\.ts)$/.test(file));
    assert.deepEqual(others.sort(), [
      ...["CHANGELOG.md", "LICENSE", "README.md", ...documents, "package.json"],
    ]);
    const folders = new Set(
      files.filter((file) => file.includes("/")).map((it) => it.split("/")[0]),
    );
    const bundled = joined.includes(name) ? ["bundled"] : [];
    assert.deepEqual([...folders].sort(), [...bundled, ...parts].sort());
    for (const file of files) assert.doesNotMatch(file, /_test\./);
  });

  test(`npm package ${name} › its modules › are for every runtime`, async () => {
    const folder = (await installed()).installed(name);
    const { dependencies = {} } = await readJson(folder, "package.json");
    // tests/imports_test.ts knows which part of the package may have which of them.
    const packages = Object.keys(dependencies).map((name) => `|${name}(/.*)?`).join("");
    const mayUseNode = new RegExp(`^${tested.folder}${usesNode[name]}`);
    const builtin = tested.suffix === "" ? "" : `|${builtinModules.join("|")}`;
    const named = ["transports/deno.js", "program/privileges.js"].map((file) =>
      tested.folder + file
    );
    let seen = 0;
    for (const file of await readdir(folder, { recursive: true })) {
      if (!/\.(js|d\.ts)$/.test(file)) continue;
      const source = await readFile(join(folder, file), "utf8");
      assert.doesNotMatch(
        source,
        /sourceMappingURL|file:\/\/|\/unfinished-/,
        `${file} has local paths`,
      );
      // The joined modules are made of the others, and each runtime runs them here.
      if (file.startsWith("bundled/")) continue;
      const code = source.replaceAll(/\/\*.*?\*\/|^\s*\/\/.*$/gms, "");
      const imports = /^\s*(?:import|export|\}).*?\bfrom "(.*)";?$|\bimport\("(.*?)"\)/gm;
      for (const [, fixed, dynamic] of code.matchAll(imports)) {
        const may = mayUseNode.test(file) && file.endsWith(".js")
          // dnt leaves out the "node:".
          ? new RegExp(`^(\\.{1,2}/.*\\.js|node:.*${builtin}|cloudflare:sockets${packages})$`)
          : new RegExp(`^(\\.{1,2}/.*\\.js${packages})$`);
        assert.match(fixed ?? dynamic, may, file);
        seen++;
      }
      if (!named.includes(file)) assert.doesNotMatch(code, /\bDeno\./, file);
    }
    assert.ok(seen > 20, `only ${seen} imports were seen`);
  });
}

test("npm package extractor › its program › is installed and runs", async () => {
  const { path, installed: folderOf, run } = await installed();
  const link = join(path, "node_modules", ".bin", "extractor");
  const program = await realpath(link);
  const folder = join(await realpath(folderOf("extractor")), tested.folder);
  assert.equal(program, join(folder, "program", "extractor.js"));
  assert((await stat(program)).mode & 0o100, "it isn't executable");
  assert.match(await readFile(program, "utf8"), /^#!\/usr\/bin\/env node\n/);
  const { ok, output, errors } = await run(program, "--version");
  assert.ok(ok, errors);
  const { version } = await readJson(root, "deno.json");
  assert.equal(output, `extractor of dovewire ${version}\n`);
});

test("npm › require() › gets each entry's modules", async (context) => {
  // Node can do that from 20.19 and 22.12 on.
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major === 20 && minor < 19) return context.skip("this version of Node can't");
  const project = await installed();
  const entries = entriesOf("dovewire", "extractor", "fleet").filter((entry) => !isProgram(entry));
  const lines = entries.map((entry) =>
    `const it = require(${JSON.stringify(entry)}); count(it); const later = import(${
      JSON.stringify(entry)
    });\n` + "checks.push(later.then((imported) => same(it, imported)));\n"
  );
  await project.write(
    "required.cjs",
    "const checks = []; let seen = 0;\n" +
      "const count = (it) => { if (Object.keys(it).length === 0) throw Error('nothing'); seen++; };\n" +
      "const same = (it, imported) => { for (const [name, value] of Object.entries(it)) {" +
      " if (imported[name] !== value) throw Error(name + ' is there twice'); } };\n" +
      lines.map((line) => `{\n${line}}\n`).join("") +
      "Promise.all(checks).then(() => console.log(seen));\n",
  );
  const { ok, output, errors } = await project.run("required.cjs");
  assert.ok(ok, errors);
  assert.equal(output, `${entries.length}\n`);
});

test("npm package › Symbol.asyncDispose on this runtime › exists", () => {
  // Where it had none, the method would be called "undefined".
  assert.equal(typeof Symbol.asyncDispose, "symbol");
  assert.equal(typeof AbortSignal.any, "function");
});

for (const name of scenarios) {
  test(`npm package › a program that uses it (${name}) › runs`, async () => {
    const project = await (compiled ??= compileProgram());
    const { ok, output, errors } = await project.run("program.js", name);
    assert.ok(ok, errors);
    assert.equal(output, `${name} is fine\n`);
  });
}

async function compileProgram(): Promise<Project> {
  const project = await installed();
  await project.copy("program.ts");
  const { ok, output } = await project.compile(settings.nodenext, "program.ts");
  assert.ok(ok, output);
  return project;
}

for (const [name, options] of Object.entries(settings)) {
  test(`npm package › types with moduleResolution ${name} › the compiler finds only the mistakes`, async () => {
    const project = await installed();
    await project.write("wrong.ts", wrong.map(([line]) => line).join("\n"));
    const { ok, output } = await project.compile({ ...options, noEmit: true }, "wrong.ts");
    assert.ok(!ok, output);
    const messages = output.split("\n").filter((line) => /^\S/.test(line));
    for (const [at, [, expected]] of wrong.entries()) {
      const found = messages.filter((line) => line.startsWith(`wrong.ts(${at + 1},`));
      assert.equal(found.length, expected === undefined ? 0 : 1, found.join("\n"));
      if (expected !== undefined) assert.match(found[0], expected);
    }
    assert.equal(messages.length, wrong.filter(([, expected]) => expected).length, output);
  });
}
