import assert from "node:assert/strict";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { type CompilerOptions, installPackage, type Project, root } from "./project.ts";

const scenarios = ["imports", "tcp", "unix", "serve", "errors", "extractor"];

/** What a user's compiler may be told; the types of the package itself are checked as well. */
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

/** Line by line what is wrong with it, and what the compiler is to say. */
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
  ['import { openExtractor } from "@dovewire/dovewire/extractor";', undefined],
  ['import type { MimePart } from "@dovewire/dovewire/extractor/server";', undefined],
  ['const names = { maildir: "/m", systemUser: "vmail", mailUser: "joe" };', undefined],
  ['const extractor = openExtractor({ command: ["extractor"], ...names });', undefined],
  ['export const [{ dateSent }] = await extractor.list({ sortBy: "!date" });', undefined],
  ['await extractor.list({ sortBy: "newest" });', /TS2322.*"newest"/],
  ["export const sent: Date = dateSent;", /TS2322.*'Date \| undefined'/],
  ["export const size = (part: MimePart): bigint => part.size;", undefined],
  ["export const lines = (part: MimePart): number => part.lines;", /TS2339.*'lines'/],
];

let project: Promise<Project> | undefined;
let compiled: Promise<Project> | undefined;

/** One installation for all tests. */
function installed(): Promise<Project> {
  return project ??= installPackage();
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

test("npm: the package says what deno.json says, and depends on what package.json says", async () => {
  const { installed: folder } = await installed();
  const deno = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  const npm = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  for (const key of ["name", "version", "license"]) assert.equal(npm[key], deno[key], key);
  assert.deepEqual([npm.type, npm.engines], ["module", { node: ">=20.9" }]);
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  for (const [name, version] of Object.entries(dependencies)) {
    // Of this one what is used isn't in its documentation.
    dependencies[name] = name === "postal-mime" ? version : `^${version}`;
  }
  assert.deepEqual(npm.dependencies, dependencies);
  for (const key of Object.keys(npm)) assert.doesNotMatch(key, /\wdependencies|scripts/i);
  assert.deepEqual(Object.keys(npm.exports).sort(), Object.keys(deno.exports).sort());
  for (const [path, source] of Object.entries<string>(deno.exports)) {
    const { types, default: code } = npm.exports[path];
    assert.equal(code, source.replace(/\.ts$/, ".js"));
    assert.equal(types, source.replace(/\.ts$/, ".d.ts"));
    for (const file of [types, code]) await readFile(join(folder, file));
  }
});

test("npm: the program extractor is installed", async () => {
  const { path, installed: folder, run } = await installed();
  const link = join(path, "node_modules", ".bin", "extractor");
  const program = await realpath(link);
  assert.equal(program, join(await realpath(folder), "cli", "extractor.js"));
  assert((await stat(program)).mode & 0o100, "it can't be executed");
  assert.match(await readFile(program, "utf8"), /^#!\/usr\/bin\/env node\n/);
  const { ok, output, errors } = await run(program, "--version");
  assert.ok(ok, errors);
  const { version } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  assert.equal(output, `extractor of dovewire ${version}\n`);
});

test("npm: the package has modules, types, documents and messages, and nothing else", async () => {
  const { installed: folder } = await installed();
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  const documents = files.filter((file) => !/\.(js|d\.ts)$/.test(file));
  assert.deepEqual(documents.sort(), [
    ...[
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "extractor/messages/extractor/extractor.proto",
      "package.json",
    ],
  ]);
  const folders = new Set(files.filter((file) => file.includes("/")).map((it) => it.split("/")[0]));
  assert.deepEqual([...folders].sort(), [
    ...["cli", "client", "core", "maildir", "messages", "server", "testing", "transports"],
  ]);
  for (const file of files) assert.doesNotMatch(file, /_test\./);
});

test("npm: the package's modules are for every runtime", async () => {
  const { installed: folder } = await installed();
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  let seen = 0;
  for (const file of await readdir(folder, { recursive: true })) {
    if (!/\.(js|d\.ts)$/.test(file)) continue;
    const source = await readFile(join(folder, file), "utf8");
    const code = source.replaceAll(/\/\*.*?\*\/|^\s*\/\/.*$/gms, "");
    const imports = /^\s*(?:import|export|\}).*?\bfrom "(.*)";?$|\bimport\("(.*?)"\)/gm;
    // Which part of the package may have which of them, tests/imports_test.ts knows.
    const packages = Object.keys(dependencies).map((name) => `|${name}(/.*)?`).join("");
    for (const [, fixed, dynamic] of code.matchAll(imports)) {
      const may = /^(transports|maildir|cli)\b/.test(file) && file.endsWith(".js")
        ? new RegExp(`^(\\.{1,2}/.*\\.js|node:.*|cloudflare:sockets${packages})$`)
        : new RegExp(`^(\\.{1,2}/.*\\.js${packages})$`);
      assert.match(fixed ?? dynamic, may, file);
      seen++;
    }
    if (!["transports/deno.js", "extractor/program/privileges.js"].includes(file)) {
      assert.doesNotMatch(code, /\bDeno\./, file);
    }
    assert.doesNotMatch(source, /sourceMappingURL|file:\/\//, `${file} has a path of the builder`);
  }
  assert.ok(seen > 100, `only ${seen} imports were seen`);
});

test("npm: disposing has a name on this runtime", () => {
  // Where it had none, the method would be called "undefined".
  assert.equal(typeof Symbol.asyncDispose, "symbol");
  assert.equal(typeof AbortSignal.any, "function");
});

for (const name of scenarios) {
  test(`npm: a program runs where the package is installed: ${name}`, async () => {
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
  test(`npm: the compiler finds what is wrong, and nothing else: ${name}`, async () => {
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
