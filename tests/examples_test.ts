import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Dovecot, startDovecot } from "./dovecot/dovecot.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The runtime, as the adapters' files are named. */
const runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** A program that a reader is shown. */
interface Example {
  readonly file: string;
  readonly code: string;
}

/** The examples of a source file that need a server, and so aren't run by `deno test --doc`. */
function examplesIn(file: string): Example[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(/^ *\* ```ts ignore\n(.*?)^ *\* ```$/gms)]
    .map(([, lines]) => ({ file, code: lines.replaceAll(/^ *\* ?/gm, "") }));
}

/** The README as one program: its blocks build on the first. */
function readme(): Example {
  const blocks = [
    ...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms),
  ]
    .map(([, code]) => code);
  const imports = new Set<string>();
  const bodies = blocks.map((code, at) => {
    const body = code.replaceAll(/^import .*\n/gm, (line) => {
      imports.add(line.replace("jsr:", ""));
      return "";
    });
    return at === 0 ? body : `{\n${body}}\n`;
  });
  return { file: "README.md", code: [...imports, ...bodies].join("") };
}

/** The program with this checkout and this server in place of the published ones. */
function adapt(code: string, dovecot: Dovecot): string {
  const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  return code
    .replaceAll(
      /"@dovewire\/dovewire(\/[^"]*)?"/g,
      (_, path = "") => JSON.stringify(pathToFileURL(join(root, exports[`.${path}`])).href),
    )
    .replaceAll("/run/dovecot/doveadm-server", dovecot.socket)
    .replaceAll("24245", String(dovecot.port))
    .replaceAll("8080", String(dovecot.httpPort))
    .replaceAll("s3cret", dovecot.password);
}

test("the README's and the doc comments' examples run against a real server", async () => {
  await using dovecot = await startDovecot({ users: ["alice", "tss", "bob"] });
  const examples = ["transports", "client"].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => examplesIn(join(folder, name)))
  ).filter(({ file }) =>
    !file.startsWith("transports") || file === join("transports", `${runtime}.ts`)
  );
  assert(examples.length >= 4, `only ${examples.length} examples were found`);
  const folder = mkdtempSync(join(root, ".cache-examples-"));
  try {
    for (const [at, { file, code }] of [readme(), ...examples].entries()) {
      const program = join(folder, `${at}.ts`);
      writeFileSync(program, adapt(code, dovecot));
      await assert.doesNotReject(
        import(pathToFileURL(program).href),
        `an example of ${relative(root, file)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
