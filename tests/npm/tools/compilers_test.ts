/**
 * Compilers of several years take the declarations, whatever the program has of libraries.
 *
 * @module
 */

import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { entriesOf } from "../entries.ts";
import { execute, installPackages, type Project } from "../project.ts";
import { installTools } from "./install.ts";

const versions = ["5.7.3", "5.9.3", "6.0.3", "7.0.2"];

const tools = Object.fromEntries(
  versions.map((version) => [`typescript-${version}`, `npm:typescript@${version}`]),
);

/** A program that uses something of each package. */
const program = `
import { CommandError, connect } from "@dovewire/dovewire";
import { serve } from "@dovewire/dovewire/server";
import { openExtractor } from "@dovewire/extractor";

const doveadm = connect("doveadm://127.0.0.1:24245", { password: "s3cret" });
const [quota] = await doveadm.run("quota get", { user: "tss" });
export const limit: number | null = quota.limit;
await doveadm.close();

export const isNoUser = (error: unknown): boolean =>
  error instanceof CommandError && error.code === "NOUSER";
export const server = await serve({ path: "/tmp/s" }, async function* ({ user }) {
  yield user ?? "";
});
export const open = () => openExtractor({
  command: ["extractor"], maildir: "/m", systemUser: "vmail", mailUser: "joe",
});
`;

let project: Promise<Project> | undefined;

function installed(): Promise<Project> {
  return project ??= prepare();
}

async function prepare(): Promise<Project> {
  const project = await installPackages("dovewire", "extractor");
  const entries = entriesOf("dovewire", "extractor").map((entry, at) =>
    `export * as entry${at} from ${JSON.stringify(entry)};\n`
  );
  await project.write("program.ts", program + entries.join(""));
  const modules = await installTools({ ...tools, "@types/node": "24.19.2" });
  await symlink(join(modules, "@types"), join(project.path, "node_modules", "@types"));
  return project;
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
});

for (const version of versions) {
  for (const lib of [["es2022"], ["es2022", "dom"]]) {
    for (const types of [[], ["node"]]) {
      const name = [version, ...lib, ...types].join(", ");
      test(`npm › TypeScript ${name} › compiles a program and all declarations`, async () => {
        const { path, write } = await installed();
        const compilerOptions = {
          ...{ module: "nodenext", target: "es2022", strict: true, noEmit: true },
          ...{ lib, types, skipLibCheck: false },
        };
        await write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["program.ts"] }));
        const modules = await installTools({ ...tools, "@types/node": "24.19.2" });
        const compiler = join(modules, `typescript-${version}`, "bin", "tsc");
        const { ok, output } = await execute(process.execPath, [compiler, "-p", path], path);
        assert.ok(ok, output);
      });
    }
  }
}
