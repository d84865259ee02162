/**
 * What other people's tools say of the packages: they have nothing to complain of, and what is said to
 * run in browsers does.
 *
 * @module
 */

import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { entriesOf, forBrowsers, isProgram } from "./entries.ts";
import { installPackages, type Project, root, tarballOf, tested } from "./project.ts";

const packages = ["dovewire", "extractor", "fleet", "cli"] as const;

let project: Promise<Project> | undefined;

function installed(): Promise<Project> {
  return project ??= installPackages(...packages);
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

for (const name of packages) {
  test(`npm package ${name} › publint, strict › has nothing to say`, async () => {
    const pkgDir = (await installed()).installed(name);
    const manifest = JSON.parse(await readFile(join(pkgDir, "package.json"), "utf8"));
    // Not its suggestions. One is to have conditions in place of the map "browser", but Jest applies such a
    // condition in jsdom, too, where Node's sockets are.
    const options = { pkgDir, strict: true, pack: false, level: "warning" } as const;
    const { messages } = await publint(options);
    assert.deepEqual(messages.map((message) => formatMessage(message, manifest)), []);
  });

  test(`npm package ${name} › Are the types wrong › for ES modules: nothing`, async () => {
    const tarball = await readFile(tarballOf(name));
    const result = await checkPackage(createPackageFromTarballData(tarball));
    assert.ok(result.types !== false, "there are no types");
    // Its profile "esm-only": the packages have no CommonJS, which newer versions of Node don't need.
    const problems = result.problems.filter((problem) =>
      !("resolutionKind" in problem && /^node(10|16-cjs)$/.test(problem.resolutionKind))
    );
    assert.deepEqual(problems, []);
  });
}

/** How large a program is that a bundler made, in bytes. */
interface Sizes {
  readonly minified: number;
  readonly zipped: number;
}

/** Bundles a program for browsers in the project; rejects with the bundler's errors and warnings. */
async function bundle(code: string): Promise<Sizes> {
  const { path } = await installed();
  const { outputFiles: [{ contents }], warnings } = await build({
    stdin: { contents: code, resolveDir: path },
    ...{ platform: "browser", format: "esm", target: "es2022", outdir: path },
    ...{ bundle: true, minify: true, write: false, logLevel: "silent" },
  });
  assert.deepEqual(warnings, []);
  return { minified: contents.length, zipped: gzipSync(contents).length };
}

test("npm › a bundle for browsers › can be made of each entry that runs there", async () => {
  for (const entry of entriesOf("dovewire", "extractor").filter(forBrowsers)) {
    const { minified } = await bundle(`export * from ${JSON.stringify(entry)};`);
    assert.ok(minified > 100, `${entry} is empty`);
  }
});

test("runtimes.md › entries that no bundle for browsers can have › are those that are tested so", async () => {
  const text = await readFile(join(root, "docs/runtimes.md"), "utf8");
  const except = /every entry except ([^.]*(?:\.(?!\s)[^.]*)*)\./.exec(text)?.[1];
  assert.ok(except, "it doesn't name any");
  for (const entry of entriesOf("dovewire", "fleet", "cli")) {
    const name = entry.split("/").at(-1);
    const isNamed = except.includes(`/${name}\``);
    assert.equal(isNamed, !forBrowsers(entry) || isProgram(entry), entry);
  }
});

/** What a program may have, and how large it may be: zipped, in KiB. */
const limits: readonly [names: string, entry: string, limit: number][] = [
  // Messages with all that can be wrong: without those and the guard of secrets it would be half of that.
  ["DoveadmClientProtocol", "core/doveadm", 12.25],
  ["CommandError", "", 1.5],
  ["connect", "transports", 6],
];

// Of what dnt's TypeScript writes, bundlers can leave out less.
for (const [names, entry, limit] of tested.suffix === "" ? limits : []) {
  test(`npm › a bundle with { ${names} } › has little else`, async () => {
    const from = JSON.stringify(join("@dovewire/dovewire", entry));
    const { zipped } = await bundle(`export { ${names} } from ${from};`);
    assert.ok(zipped <= limit * 1024, `${zipped} bytes zipped`);
  });
}

test("npm › a bundle for browsers › refuses to connect by TCP, and says where to", async () => {
  const { path, run } = await installed();
  await build({
    stdin: {
      contents: `
        import { connect } from "@dovewire/dovewire";
        const doveadm = connect("doveadm://127.0.0.1:1", { password: "s3cret" });
        await doveadm.run("mailbox list", { user: "tss" }).catch(({ name, message }) => {
          console.log(name + ": " + message);
        });
        await doveadm.close();`,
      resolveDir: path,
    },
    ...{ platform: "browser", format: "esm", bundle: true, logLevel: "silent" },
    outfile: join(path, "browser.mjs"),
  });
  const { ok, output, errors } = await run("browser.mjs");
  assert.ok(ok, errors);
  assert.match(output, /^ConnectError: .*no sockets.*Connect from Deno, Node, Bun or/);
});

/** The libraries of a compiler, and the types of a runtime: with and without those of the web. */
const environments = [
  { lib: ["es2022"], types: [] },
  { lib: ["es2022"], types: ["node"] },
  { lib: ["es2022", "dom"], types: [] },
  { lib: ["es2022", "dom"], types: ["node"] },
];

for (const { lib, types } of environments) {
  test(`npm › declarations with ${[...lib, ...types].join(", ")} › compile`, async () => {
    const project = await installed();
    const lines = entriesOf("dovewire", "extractor").map((entry, at) =>
      `export * as entry${at} from ${JSON.stringify(entry)};\n`
    );
    await project.write("entries.ts", lines.join(""));
    const options = { module: "nodenext", target: "es2022", strict: true, noEmit: true };
    const { ok, output } = await project.compile(
      { ...options, lib, types, skipLibCheck: false },
      "entries.ts",
    );
    assert.ok(ok, output);
  });
}
