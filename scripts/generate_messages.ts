/**
 * Lints the messages of the extractor, extractor/messages/extractor/extractor.proto, and generates their
 * TypeScript in extractor/messages/extractor/.
 *
 *     deno run -A scripts/generate_messages.ts
 *
 * buf does both, with the plugin protoc-gen-es, configured by buf.yaml and buf.gen.yaml. It is installed
 * if it is missing; nothing else is downloaded.
 *
 * @module
 */

import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBuf, run } from "./tools.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The generated files, as paths in the project. */
export const GENERATED: readonly string[] = ["extractor/messages/extractor/extractor_pb.ts"];

/**
 * Checks the messages against buf's rules and formatting; rejects with buf's output if it complains.
 */
export async function lintMessages(): Promise<void> {
  await buf("lint");
  await buf("format", "--diff", "--exit-code");
}

/** Writes the generated files into a folder, under their paths in the project. */
export async function generateMessages(folder: string = ROOT): Promise<void> {
  await buf("generate", `--output=${folder}`);
}

async function buf(...args: readonly string[]): Promise<void> {
  const path = [dirname(Deno.execPath()), Deno.env.get("PATH") ?? ""].join(delimiter);
  const cache = join(ROOT, ".cache", "buf");
  await run(await findBuf(), args, ROOT, { PATH: path, BUF_CACHE_DIR: cache });
}

if (import.meta.main) {
  try {
    await lintMessages();
    const before = await Promise.all(GENERATED.map((file) => readText(file)));
    await generateMessages();
    for (const [index, file] of GENERATED.entries()) {
      console.log(`${file}: ${await readText(file) === before[index] ? "unchanged" : "written"}`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

async function readText(file: string): Promise<string | undefined> {
  return await Deno.readTextFile(join(ROOT, file)).catch(() => undefined);
}
