/**
 * The packages in bundlers, for browsers, Node and Workers: no error, no warning, and what comes out runs.
 *
 * @module
 */

import { build as bundle } from "esbuild";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { startMailServer } from "../../../testing/mod.ts";
import { entriesOf, forBrowsers } from "../entries.ts";
import { execute, installPackages, type Project } from "../project.ts";
import { installTools, type Tools } from "./install.ts";

const tools: Tools = { vite: "8.3.8", webpack: "5.112.2" };

/** A bundler: writes a program for a platform to a file of the project's folder `out`. */
type Bundler = (project: Project, entry: string, platform: "web" | "node") => Promise<void>;

/** The part of webpack that is used. */
interface WebpackStats {
  toString(options: Readonly<Record<string, boolean>>): string;
  hasErrors(): boolean;
  hasWarnings(): boolean;
}

type Webpack = (
  options: unknown,
  done: (error: Error | null, stats: WebpackStats) => void,
) => void;

/** The part of vite that is used. */
interface Vite {
  build(options: unknown): Promise<unknown>;
}

async function load(name: string): Promise<unknown> {
  const modules = await installTools(tools);
  return await import(createRequire(join(modules, "/")).resolve(name));
}

const bundlers: Readonly<Record<string, Bundler>> = {
  async webpack({ path }, entry, platform) {
    const { default: webpack } = await load("webpack") as { default: Webpack };
    const stats = await new Promise<WebpackStats>((resolve, reject) => {
      webpack({
        ...{ mode: "production", context: path, entry: `./${entry}` },
        target: platform === "web" ? "web" : "node20",
        experiments: { outputModule: true },
        output: { path: join(path, "out"), filename: "bundle.mjs", module: true, clean: true },
        performance: { hints: false },
      }, (error, stats) => error === null ? resolve(stats) : reject(error));
    });
    const said = stats.toString({ all: false, errors: true, warnings: true });
    assert.ok(!stats.hasErrors() && !stats.hasWarnings(), said);
  },

  async vite({ path }, entry, platform) {
    const { build } = await load("vite") as Vite;
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    await build({
      ...{ root: path, configFile: false },
      customLogger: {
        ...{ info() {}, clearScreen() {}, hasErrorLogged: () => false, hasWarned: false },
        ...{ warn, warnOnce: warn, error: warn },
      },
      ssr: { noExternal: true },
      build: {
        ...{
          outDir: "out",
          emptyOutDir: true,
          ssr: platform === "node",
          chunkSizeWarningLimit: 1e6,
        },
        rollupOptions: {
          input: join(path, entry),
          output: { entryFileNames: "bundle.mjs" },
          preserveEntrySignatures: "strict",
        },
      },
    });
    assert.deepEqual(warnings, []);
  },
};

/** A program of a user: asks the server whose URL is its argument. */
const asking = `
import process from "node:process";
import { connect } from "@dovewire/dovewire";
const doveadm = connect(process.argv[2]);
for (const { mailbox } of await doveadm.run("mailbox list", { user: "tss" })) console.log(mailbox);
await doveadm.close();
`;

let project: Promise<Project> | undefined;

function installed(): Promise<Project> {
  return project ??= installPackages("dovewire", "extractor");
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

const users = { tss: { mailboxes: { INBOX: ["Subject: Hi\n\nHello.\n"] } } };

for (const [name, bundler] of Object.entries(bundlers)) {
  test(`npm › ${name} › bundles for browsers all entries that run there`, async () => {
    const project = await installed();
    const entries = entriesOf("dovewire", "extractor").filter(forBrowsers);
    const lines = entries.map((entry, at) =>
      `import * as it${at} from ${JSON.stringify(entry)};\n`
    );
    const all = `globalThis.all = [${entries.map((_, at) => `it${at}`)}];\n`;
    await project.write("all.js", lines.join("") + all);
    await bundler(project, "all.js", "web");
    const out = join(project.path, "out");
    const sources = await Promise.all(
      (await readdir(out, { recursive: true })).filter((file) => /\.m?js$/.test(file))
        .map((file) => readFile(join(out, file), "utf8")),
    );
    assert.match(sources.join("\n"), /has no sockets/);
    for (const source of sources) assert.doesNotMatch(source, /["'`]node:(net|tls|fs)["'`]/);
  });

  test(`npm › ${name} › bundles a program for Node, which gets an answer`, async () => {
    const project = await installed();
    await project.write("asking.mjs", asking);
    await bundler(project, "asking.mjs", "node");
    await using server = await startMailServer({ users });
    const bundled = join(project.path, "out", "bundle.mjs");
    const { ok, output, errors } = await execute(
      process.execPath,
      [bundled, server.url],
      "/",
    );
    assert.ok(ok, errors);
    assert.equal(output, "INBOX\n");
  });
}

test("npm › a bundle for Workers › gets an answer by TCP", async () => {
  const { path } = await installed();
  // As Cloudflare's own tool bundles.
  const { outputFiles: [{ text }], warnings } = await bundle({
    stdin: {
      contents: `
        import { connect } from "@dovewire/dovewire";
        export default {
          async fetch(request, { url }) {
            const doveadm = connect(url);
            try {
              return Response.json(await doveadm.run("mailbox list", { user: "tss" }));
            } finally {
              await doveadm.close();
            }
          },
        };`,
      resolveDir: path,
    },
    ...{ platform: "browser", conditions: ["workerd", "worker", "browser"] },
    ...{ format: "esm", bundle: true, write: false, logLevel: "silent" },
  });
  assert.deepEqual(warnings, []);
  await using server = await startMailServer({ users });
  const { Miniflare } = await import("miniflare");
  const miniflare = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.mjs", contents: text }],
    compatibilityDate: "2026-04-01",
    bindings: { url: server.url },
  });
  try {
    const answer = await miniflare.dispatchFetch("http://worker.example/");
    assert.deepEqual(await answer.json(), [{ mailbox: "INBOX" }]);
  } finally {
    await miniflare.dispose();
  }
});
