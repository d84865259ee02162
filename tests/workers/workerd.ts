/**
 * Workers in a real workerd, the runtime of Cloudflare's, which miniflare brings; in Node only,
 * since that is what miniflare is for.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { certificates } from "../harness/certificates.ts";
import { temporaryFolder } from "../harness/sockets.ts";

/** Whether this runtime can start a Worker. */
export const canStartWorkers: boolean = !("Deno" in globalThis) && !("Bun" in globalThis);

/** A Worker that runs until it is disposed of. */
export interface StartedWorker extends AsyncDisposable {
  /** Where it answers. */
  readonly url: URL;
}

/** A source, as miniflare takes it. */
interface WorkerModule {
  readonly type: "ESModule";
  readonly path: string;
  readonly contents: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Starts the Worker that a file of the project has, which trusts the CA of
 * {@linkcode certificates}; `bindings` is its environment.
 */
export async function startWorker(
  file: string,
  bindings: Readonly<Record<string, string>> = {},
): Promise<StartedWorker> {
  const { Miniflare, Log, LogLevel } = await importMiniflare();
  const miniflare = new Miniflare({
    modules: await modulesOf(file),
    modulesRoot: root,
    compatibilityDate: "2026-04-01",
    bindings: { ...bindings },
    log: new Log(LogLevel.NONE),
    // What it writes there is what failed connections are about, and tests have many of them.
    handleRuntimeStdio(stdout: Readable, stderr: Readable): void {
      stdout.resume();
      stderr.resume();
    },
  });
  return {
    url: await miniflare.ready,
    [Symbol.asyncDispose]: () => miniflare.dispose(),
  };
}

let miniflare: Promise<typeof import("miniflare")> | undefined;

/** Loads miniflare, which looks once, then, for CAs to trust. */
function importMiniflare(): Promise<typeof import("miniflare")> {
  return miniflare ??= importTrusting();
}

async function importTrusting(): Promise<typeof import("miniflare")> {
  const { ca } = await certificates();
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ca.pem");
  await writeFile(path, ca);
  const { NODE_EXTRA_CA_CERTS: before } = process.env;
  process.env.NODE_EXTRA_CA_CERTS = path;
  try {
    return await import("miniflare");
  } finally {
    if (before === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
    else process.env.NODE_EXTRA_CA_CERTS = before;
  }
}

/**
 * A source and all that it imports, the types taken off as Node itself does it. What is imported
 * only when it is needed, such as other runtimes' adapters, is left out.
 */
async function modulesOf(entry: string): Promise<WorkerModule[]> {
  const { stripTypeScriptTypes } = await import("node:module");
  const modules = new Map<string, WorkerModule>();
  const add = async (path: string): Promise<void> => {
    if (modules.has(path)) return;
    const contents = stripTypeScriptTypes(await readFile(path, "utf8"));
    modules.set(path, { type: "ESModule", path, contents });
    for (const [, specifier] of contents.matchAll(/^(?:import|export)\s[^;]*?"(\.[^"]*)";/gm)) {
      await add(resolve(dirname(path), specifier));
    }
  };
  await add(join(root, entry));
  return [...modules.values()];
}
