/**
 * The programs of README.md, one by one, as a user runs them who has installed the package; and its
 * configurations of Dovecot.
 *
 * @module
 */

import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import { connect } from "../../mod.ts";
import { blocksOf, continuedBy } from "../harness/documents.ts";
import { type Dovecot, startDovecot } from "../harness/dovecot/dovecot.ts";
import { execute, installPackages, type Project, tarballOf } from "./project.ts";

const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);
const major = Number(process.versions.node.split(".")[0]);

/** Node 20 takes no TypeScript; the programs are both. */
const suffix = isNode && major < 22 ? "mjs" : "ts";

/** Whether this runtime knows `await using`; for the others TypeScript compiles the programs that use it. */
const knowsUsing = !isNode || major >= 24;

/** A user's options of TypeScript's compiler. */
const compilerOptions = {
  ...{ module: "nodenext", target: "es2022", lib: ["es2022", "esnext.disposable"] },
  ...{ types: ["node"], strict: true },
};

const [first, ...others] = blocksOf("README.md");

let project: Promise<Project> | undefined;
let dovecot: Promise<Dovecot> | undefined;

function installed(): Promise<Project> {
  return project ??= "Bun" in globalThis ? installWithBun() : installPackages("dovewire");
}

/** Installs the package as README.md says for Bun. */
async function installWithBun(): Promise<Project> {
  const project = await installPackages();
  const { ok, errors } = await execute(
    process.execPath,
    ["add", tarballOf("dovewire")],
    project.path,
  );
  assert.ok(ok, errors);
  return project;
}

function started(): Promise<Dovecot> {
  return dovecot ??= startDovecot({ users: ["tss", "bob"] });
}

after(async () => {
  await (await project)?.[Symbol.asyncDispose]();
  await (await dovecot)?.[Symbol.asyncDispose]();
});

test("README.md › the first program › runs as it stands", async () => {
  const { write, run } = await installed();
  await write(`first.${suffix}`, first);
  const { ok, output, errors } = await run(`first.${suffix}`);
  assert.ok(ok, errors);
  assert.match(output, /limit: 1048576/);
});

for (const [at, block] of others.entries()) {
  const [line] = block.split("\n").filter((line) => !line.startsWith("import") && line !== "");
  test(`README.md › ${line} › runs with the first program, against a real server`, async () => {
    const { write, run, compile } = await installed();
    const { socket, port, httpPort, password } = await started();
    const program = continuedBy([block])
      .replaceAll("/run/dovecot/doveadm-server", socket)
      .replaceAll("24245", String(port))
      .replaceAll("8080", String(httpPort))
      .replaceAll("s3cret", password);
    const isCompiled = !knowsUsing && block.includes("await using");
    const file = `program${at}.${isCompiled ? "ts" : suffix}`;
    await write(file, program);
    if (isCompiled) {
      const { ok, output } = await compile(compilerOptions, file);
      assert.ok(ok, output);
    }
    const { ok, errors } = await run(isCompiled ? `program${at}.js` : file);
    assert.ok(ok, errors);
  });
}

test("README.md › its programs › compile in strict mode", async () => {
  const project = await installed();
  const files = [first, ...others.map((block) => continuedBy([block]))];
  for (const [at, code] of files.entries()) await project.write(`checked${at}.ts`, code);
  const { ok, output } = await project.compile(
    { ...compilerOptions, noEmit: true },
    ...files.map((_, at) => `checked${at}.ts`),
  );
  assert.ok(ok, output);
});

/** The configurations of Dovecot, by its versions. */
function configurations(): ReadonlyMap<string, string> {
  const [both] = blocksOf("docs/client.md", "conf");
  const parts = both.split(/^# Dovecot (.*)\n/m).slice(1);
  return new Map([[parts[0], parts[1]], [parts[2], parts[3]]]);
}

for (const version of ["2.3", "2.4"] as const) {
  test(`docs/client.md › the configuration for Dovecot ${version} › opens that port`, async () => {
    let port = 0;
    const extraConfig = (): string => {
      // Below those that the system gives away. If another process has it, the next try has another.
      port = 10_000 + Math.floor(Math.random() * 20_000);
      const text = configurations().get(version);
      assert.ok(text !== undefined, `there is none for ${version}`);
      return text.replace("24245", String(port));
    };
    await using _dovecot = await startDovecot({ version, users: ["tss"], extraConfig });
    const doveadm = connect(`doveadm://127.0.0.1:${port}`, { password: "s3cret" });
    try {
      const rows = await doveadm.run("mailbox list", { user: "tss" });
      assert.ok(rows.some(({ mailbox }) => mailbox === "INBOX"));
    } finally {
      await doveadm.close();
    }
  });
}
