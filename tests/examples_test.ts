import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Maildir, maildirHandler, serveExtractor } from "../extractor/server/mod.ts";
import { listen } from "../transports/mod.ts";
import { blocksOf, continuedBy } from "./harness/documents.ts";
import { type Dovecot, startDovecot } from "./harness/dovecot/dovecot.ts";
import { type Installation, installExtractor } from "./extractor/harness/installation.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The runtime, as in the adapters' file names. */
const runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** A program in the documentation. */
interface Example {
  readonly file: string;
  readonly code: string;
}

/** The examples in a source file that need a server, and so aren't run by `deno test --doc`. */
function examplesIn(file: string): Example[] {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(/^ *\* ```ts ignore\n(.*?)^ *\* ```$/gms)]
    .map(([, lines]) => ({ file, code: lines.replaceAll(/^ *\* ?/gm, "") }));
}

/** The README of the extractor's package, whose only block needs a server. */
function extractorReadme(): Example {
  const file = join("extractor", "README.md");
  const [, code] = /^```ts ignore\n(.*?)^```$/ms.exec(readFileSync(join(root, file), "utf8"))!;
  return { file, code };
}

/** The documents with programs. */
function documents(): Example[] {
  const files = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) =>
    join("docs", name)
  );
  return ["README.md", ...files.filter((file) => blocksOf(file).length > 0)].map((file) => {
    const [first] = blocksOf("README.md");
    return { file, code: continuedBy(blocksOf(file).filter((code) => code !== first)) };
  });
}

/** Listens for clients of an extractor; returns the socket's path, and a function that ends it. */
async function startExtractor(
  { folder }: Dovecot,
  { maildir }: Installation,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(folder, "extractor.sock");
  const listener = await listen({ transport: "unix", path });
  const handler = maildirHandler(() => Maildir.open(join(maildir, "joe@example.org")));
  const served = (async () => {
    for (let client; (client = await listener.accept());) await serveExtractor(client, handler);
  })();
  return {
    path,
    async [Symbol.asyncDispose]() {
      await listener.close();
      await served;
    },
  };
}

/** The program with this checkout and these servers in place of the published ones. */
function adapt(
  code: string,
  { dovecot, installation, socket }: {
    readonly dovecot: Dovecot;
    readonly installation: Installation;
    readonly socket: string;
  },
): string {
  const folders = { dovewire: root, extractor: join(root, "extractor") };
  return code
    .replaceAll(
      /"@dovewire\/(dovewire|extractor)(\/[^"]*)?"/g,
      (_, name: keyof typeof folders, path = "") => {
        const folder = folders[name];
        const { exports } = JSON.parse(readFileSync(join(folder, "deno.json"), "utf8"));
        return JSON.stringify(pathToFileURL(join(folder, exports[`.${path}`])).href);
      },
    )
    .replaceAll("/run/dovecot/doveadm-server", dovecot.socket)
    .replaceAll("24245", String(dovecot.port))
    .replaceAll("8080", String(dovecot.httpPort))
    .replaceAll("port: 143", `port: ${dovecot.imapPort}`)
    .replaceAll("/var/qmail/bin/qmail-authuser", installation.authuser)
    .replaceAll("/usr/bin/extractor", installation.extractor)
    .replaceAll("/var/mail/vhosts", installation.maildir)
    .replaceAll("vmail", installation.systemUser)
    .replaceAll("/run/extractor", socket)
    .replaceAll("s3cret", dovecot.password);
}

test("examples › of the documents and doc comments › run against a real server", async () => {
  await using dovecot = await startDovecot({ users: ["alice", "tss", "bob"], imap: true });
  const examples = ["transports", "doveadm/client", "extractor/client"].flatMap((folder) =>
    readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts")).flatMap((name) =>
      examplesIn(join(folder, name))
    )
  ).filter(({ file }) =>
    !file.startsWith("transports") || file === join("transports", `${runtime}.ts`)
  );
  assert(examples.length >= 4, `only ${examples.length} examples were found`);
  const installation = installExtractor(dovecot.folder, { "joe@example.org": dovecot.password });
  await using extractor = await startExtractor(dovecot, installation);
  const places = { dovecot, installation, socket: extractor.path };
  const folder = mkdtempSync(join(root, ".cache-examples-"));
  try {
    for (const [at, { file, code }] of [...documents(), extractorReadme(), ...examples].entries()) {
      const program = join(folder, `${at}.ts`);
      writeFileSync(program, adapt(code, places));
      await assert.doesNotReject(
        import(pathToFileURL(program).href),
        `an example of ${relative(root, file)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
